-- Opens a join, or sets the size of an open one.
--
-- KEYS       parts extra size join owed group
-- ARGV       id members body shape deadlineMs holdMs ttlMs   (members '' = not known yet)
-- REPLY      nil, or what `readJoin` gives of a join that this completed
-- INVARIANT  Arrived parts are kept; a join that is over is not opened again.
if redis.call('HEXISTS', KEYS[4], 'over') == 1 or redis.call('HEXISTS', KEYS[4], 'by') == 1 then
  return false
end
if redis.call('HEXISTS', KEYS[4], 'expired') == 1 then
  return false
end
redis.call('HSET', KEYS[4], 'body', ARGV[3], 'shape', ARGV[4])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
redis.call('ZADD', KEYS[5], ARGV[5], ARGV[1])
if ARGV[2] ~= '' then
  redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[7])
  redis.call('HSET', KEYS[4], 'sized', '1')
end
if not isFull(KEYS) then
  return false
end
redis.call('HSET', KEYS[4], 'by', '')
redis.call('ZADD', KEYS[5], nowMs() + tonumber(ARGV[6]), ARGV[1])
return readJoin(KEYS)
