-- Deletes entries permanently.
--
-- KEYS       entries states version channel
-- ARGV       entries...   (of each: name and revision)
-- REPLY      how many were deleted
-- INVARIANT  An entry changed since it was read stays.
local entries, states, version, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local deleted = 0
for at = 1, #ARGV, 2 do
  local name, revision = ARGV[at], ARGV[at + 1]
  if string.match(redis.call('HGET', entries, name) or '', '^(%d+) ') == revision then
    redis.call('HDEL', entries, name)
    redis.call('HDEL', states, name)
    deleted = deleted + 1
  end
end
if deleted > 0 then announce(version, channel) end
return deleted
