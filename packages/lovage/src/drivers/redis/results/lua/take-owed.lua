-- Takes a join whose completion is due, unless another process finished it.
--
-- KEYS       parts extra size join owed group
-- ARGV       id holdMs
-- REPLY      nil, or what `readJoin` gives
-- INVARIANT  A join that Python completed is Python's: its body was sent, or failed, there.
local dueMs = redis.call('ZSCORE', KEYS[5], ARGV[1])
if not dueMs or tonumber(dueMs) > nowMs() then
  return false
end
local hasBody = redis.call('HEXISTS', KEYS[4], 'body') == 1
local isOver = redis.call('HEXISTS', KEYS[4], 'over') == 1
if not isOver and hasBody and redis.call('HEXISTS', KEYS[4], 'by') == 0 then
  local wasSized = redis.call('HEXISTS', KEYS[4], 'sized') == 1
  isOver = (wasSized and redis.call('EXISTS', KEYS[3]) == 0) or isFull(KEYS)
end
if isOver or not hasBody then
  redis.call('ZREM', KEYS[5], ARGV[1])
  return false
end
local waitsUntilMs = redis.call('HGET', KEYS[4], 'waits')
if redis.call('HEXISTS', KEYS[4], 'by') == 0 or (waitsUntilMs and nowMs() > tonumber(waitsUntilMs)) then
  redis.call('HSET', KEYS[4], 'expired', '1')
end
redis.call('ZADD', KEYS[5], nowMs() + tonumber(ARGV[2]), ARGV[1])
return readJoin(KEYS)
