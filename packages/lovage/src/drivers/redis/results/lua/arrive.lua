-- Counts a finished member, once by its task id: also one that Python counted before.
--
-- Celery lowers the size of a join when a group in its header is sent. A join that Python opened belongs to the member
-- that makes its count equal the size, as in Celery, and then waits for the rest of its kept header.
--
-- KEYS       parts extra size join owed group
-- ARGV       id taskId index start member body holdMs ttlMs   (start: how a member of this task begins)
-- REPLY      nil, or what `readJoin` gives of a join that this completed
-- INVARIANT  A task is counted once, and the task that completes a join completes it again until the join is over.
if redis.call('HEXISTS', KEYS[4], 'over') == 1 or redis.call('HEXISTS', KEYS[4], 'expired') == 1 then
  return false
end
local by = redis.call('HGET', KEYS[4], 'by')
local waits = redis.call('HEXISTS', KEYS[4], 'waits') == 1
if not by or waits then
  local isNew = true
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[3], ARGV[3])) do
    if string.sub(member, 1, #ARGV[4]) == ARGV[4] then
      isNew = false
    end
  end
  if isNew then
    redis.call('ZADD', KEYS[1], ARGV[3], ARGV[5])
    redis.call('HSETNX', KEYS[4], 'body', ARGV[6])
  end
  for place = 1, 4 do
    redis.call('PEXPIRE', KEYS[place], ARGV[8])
  end
  local deadlineMs = nowMs() + math.floor(tonumber(ARGV[8]) * 0.9)
  -- A join that Python opened has no deadline of ours: it gets one before the counts expire.
  if not redis.call('ZSCORE', KEYS[5], ARGV[1]) then
    redis.call('ZADD', KEYS[5], deadlineMs, ARGV[1])
  end
  if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HSET', KEYS[4], 'sized', '1')
  end
  local isByPython = redis.call('HEXISTS', KEYS[4], 'shape') == 0
  if not isNew or not (waits or isFull(KEYS, isByPython)) then
    return false
  end
  by = ARGV[2]
  redis.call('HSET', KEYS[4], 'by', by)
  if isByPython and not isWhole(KEYS) then
    redis.call('HSETNX', KEYS[4], 'waits', deadlineMs)
    redis.call('ZADD', KEYS[5], nowMs(), ARGV[1])
    return false
  end
  redis.call('HDEL', KEYS[4], 'waits')
end
if by ~= ARGV[2] then
  return false
end
redis.call('ZADD', KEYS[5], nowMs() + tonumber(ARGV[7]), ARGV[1])
return readJoin(KEYS)
