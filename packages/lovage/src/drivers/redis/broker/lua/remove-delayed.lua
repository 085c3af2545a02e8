-- Removes delayed messages.
--
-- KEYS       times messages
-- ARGV       members...
-- REPLY      number removed
-- INVARIANT  Time and message go together; the queue's place among the next due corrects itself at the next promotion.
local removed = redis.call('ZREM', KEYS[1], unpack(ARGV))
redis.call('HDEL', KEYS[2], unpack(ARGV))
return removed
