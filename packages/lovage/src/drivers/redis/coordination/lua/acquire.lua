-- Takes a free lease, or renews the holder's own.
--
-- KEYS       lease lastToken
-- ARGV       holder ttlMs
-- REPLY      {token, expiresMs}, or nothing when someone else has it
-- INVARIANT  A lease has one holder, and every grant has a greater token than all before, even after the database was
--            emptied: tokens start with the time of day.
local lease, lastToken = KEYS[1], KEYS[2]
local holder, ttlMs = ARGV[1], tonumber(ARGV[2])
local nowMs = serverNowMs()
local owner = redis.call('HGET', lease, 'holder')
local token
if owner == holder then
  token = redis.call('HGET', lease, 'token')
elseif owner then
  return false
else
  token = digits(math.max(tonumber(redis.call('GET', lastToken) or 0) + 1, nowMs))
  redis.call('SET', lastToken, token)
  redis.call('HSET', lease, 'holder', holder, 'token', token)
end
redis.call('PEXPIRE', lease, digits(ttlMs))
return { token, digits(nowMs + ttlMs) }
