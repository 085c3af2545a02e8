-- Releases a lease.
--
-- KEYS       lease
-- ARGV       token
-- REPLY      1, or 0 when the token is stale
-- INVARIANT  Only the current grant can be released.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
