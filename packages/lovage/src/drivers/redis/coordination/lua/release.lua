-- Gives a lease back.
--
-- KEYS       lease
-- ARGV       token
-- REPLY      1, or 0 when the token is stale
-- INVARIANT  Only the grant that is in force can be given back.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
