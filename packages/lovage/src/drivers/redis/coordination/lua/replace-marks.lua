-- Sets marks whose key still has the expected value.
--
-- KEYS       marks ends version channel
-- ARGV       marks...   (of each the key, the value that must stand, the new value, its end in Unix ms or -)
-- REPLY      1 or 0 for each
-- INVARIANT  Of many callers that saw the same value, one replaces it.
local marks, ends, version, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nowMs = serverNowMs()
local replaced, changed = {}, {}
for at = 1, #ARGV, 4 do
  local key, was, value, expiresMs = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local isSame = living(redis.call('HGET', marks, key), nowMs) == was
  if isSame then
    redis.call('HSET', marks, key, expiresMs .. ' ' .. value)
    if expiresMs == '-' then redis.call('ZREM', ends, key) else redis.call('ZADD', ends, expiresMs, key) end
    changed[#changed + 1] = key
  end
  replaced[#replaced + 1] = isSame and 1 or 0
end
if #changed > 0 then announce(version, channel, changed) end
return replaced
