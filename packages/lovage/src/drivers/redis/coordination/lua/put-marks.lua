-- Sets marks.
--
-- KEYS       marks ends version channel
-- ARGV       ifAbsent marks...   ('1' lets a living mark win; of each mark key, value, end in Unix ms or -)
-- REPLY      {value, end, …} of the marks that stand now
-- INVARIANT  With `ifAbsent` a key has one winner.
local marks, ends, version, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nowMs = serverNowMs()
forgetEnded(marks, ends, nowMs)
local standing, changed = {}, {}
for at = 2, #ARGV, 3 do
  local key, value, expiresMs = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local oldValue, oldExpiresMs = living(redis.call('HGET', marks, key), nowMs)
  if oldValue and ARGV[1] == '1' then
    value, expiresMs = oldValue, oldExpiresMs
  else
    redis.call('HSET', marks, key, expiresMs .. ' ' .. value)
    if expiresMs == '-' then redis.call('ZREM', ends, key) else redis.call('ZADD', ends, expiresMs, key) end
    changed[#changed + 1] = key
  end
  standing[#standing + 1] = value
  standing[#standing + 1] = expiresMs
end
if #changed > 0 then announce(version, channel, changed) end
return standing
