-- Sets the time at which delayed messages are due.
--
-- KEYS       delayed times messages doorbell
-- ARGV       queue dueMs members...   (each member followed by its new value, the priority step and the message)
-- REPLY      number found
-- INVARIANT  The queue's place among the next due is not later than its first message.
local found = 0
for i = 3, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[i])
    found = found + 1
  end
end
if found > 0 then
  redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
  redis.call('PUBLISH', KEYS[4], '')
end
return found
