-- Removes the waiting and delayed messages of a queue.
--
-- KEYS       delayed times messages lists...
-- ARGV       queue
-- REPLY      number removed
-- INVARIANT  The count is of the messages that were removed.
local removed = redis.call('ZCARD', KEYS[2])
for i = 4, #KEYS do removed = removed + redis.call('LLEN', KEYS[i]) end
redis.call('ZREM', KEYS[1], ARGV[1])
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return removed
