-- Sets the time at which delayed messages are due.
--
-- KEYS       delayed times doorbell
-- ARGV       queue dueMs members...
-- REPLY      number found
-- INVARIANT  The queue's place among the next due is not later than its first message.
local found = 0
for i = 3, #ARGV do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[i])
    found = found + 1
  end
end
if found > 0 then
  redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
  redis.call('PUBLISH', KEYS[3], '')
end
return found
