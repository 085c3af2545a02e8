-- Publishes messages that are delayed, or that have a name by which duplicates are dropped.
--
-- KEYS       doorbell delayed pushed
-- ARGV       number publications...   (as publication.lua reads them; the number as push.lua takes it)
-- REPLY      1, or 0 when this number was published before
-- INVARIANT  A message is stored and its name is taken, or neither.
local at = 1
local function take()
  at = at + 1
  return ARGV[at]
end
local all = {}
while at < #ARGV do all[#all + 1] = takePublication(take) end
-- Fails here, before any change, when a key is not a list.
for _, one in ipairs(all) do
  if one.list ~= '' then redis.call('LLEN', one.list) end
end
if redis.call('HSETNX', KEYS[3], ARGV[1], '') == 0 then return 0 end
redis.call('PEXPIRE', KEYS[3], 3600000)
for _, one in ipairs(all) do publish(one, KEYS[1], KEYS[2]) end
return 1
