-- Counts claimed messages: those of holders with leases by their lists, those of others by the routing key that kombu
-- stored with them.
--
-- KEYS       holders unackedIndex unacked
-- ARGV       heldPrefix limit   (of others' messages not more than this are looked at)
-- REPLY      {lists, counts, routing keys, counts}
-- INVARIANT  Only reads.
local holders, index, unacked = unpack(KEYS, 1, 3)
local ours, byList, byKey = {}, {}, {}
for _, holder in ipairs(redis.call('ZRANGE', holders, 0, -1)) do
  local held = redis.call('HGETALL', ARGV[1] .. holder)
  for i = 1, #held, 2 do
    local list = held[i] ~= '' and string.match(held[i + 1], '^%S+ %S+ (.*)$')
    if list then
      ours[held[i]] = true
      byList[list] = (byList[list] or 0) + 1
    end
  end
end
local left = tonumber(ARGV[2])
for _, tag in ipairs(redis.call('ZRANGE', index, 0, -1)) do
  if left == 0 then break end
  if not ours[tag] then
    left = left - 1
    local value = redis.call('HGET', unacked, tag)
    local key = value and string.match(value, '"([^"]*)"%s*%]%s*$', -300)
    if key then byKey[key] = (byKey[key] or 0) + 1 end
  end
end
local function spread(counts)
  local names, numbers = {}, {}
  for name, number in pairs(counts) do
    names[#names + 1] = name
    numbers[#numbers + 1] = number
  end
  return names, numbers
end
local lists, listCounts = spread(byList)
local keys, keyCounts = spread(byKey)
return { lists, listCounts, keys, keyCounts }
