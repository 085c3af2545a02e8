-- Releases kombu's restore lock.
--
-- KEYS       mutex
-- ARGV       token
-- REPLY      1, or 0 when someone else holds it
-- INVARIANT  Only the taker releases.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
