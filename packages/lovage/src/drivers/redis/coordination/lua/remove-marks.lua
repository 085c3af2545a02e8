-- Removes marks.
--
-- KEYS       marks ends version channel
-- ARGV       marks...   (of each the key, '1' when the value must match, and the value)
-- REPLY      number of living marks removed
-- INVARIANT  A mark with another value than the given one stays.
local marks, ends, version, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nowMs = serverNowMs()
local removed = {}
for at = 1, #ARGV, 3 do
  local key, mustMatch, wanted = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local value = living(redis.call('HGET', marks, key), nowMs)
  if value and (mustMatch ~= '1' or value == wanted) then
    redis.call('HDEL', marks, key)
    redis.call('ZREM', ends, key)
    removed[#removed + 1] = key
  end
end
if #removed > 0 then announce(version, channel, removed) end
return #removed
