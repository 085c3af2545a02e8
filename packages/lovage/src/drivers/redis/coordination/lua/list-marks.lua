-- Lists live marks, all or some.
--
-- KEYS       marks
-- ARGV       keys...   (none for all)
-- REPLY      {key, value, end, …}
-- INVARIANT  Changes nothing.
local nowMs = serverNowMs()
local found = {}
local function add(key, stored)
  local value, expiresMs = living(stored, nowMs)
  if not value then return end
  found[#found + 1] = key
  found[#found + 1] = value
  found[#found + 1] = expiresMs
end
if #ARGV > 0 then
  for i, stored in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV))) do add(ARGV[i], stored) end
else
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do add(all[i], all[i + 1]) end
end
return found
