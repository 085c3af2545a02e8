-- Acknowledges claims and stores their results.
--
-- KEYS       unackedIndex unacked held unparsed redeliveries results...
-- ARGV       count tags... results...   (a result: the position of its tag, its life in seconds, its JSON)
-- REPLY      positions of the tags that were no longer ours
-- INVARIANT  An acknowledged message is gone and its result is stored; for a claim that is not ours, neither happens.
local index, unacked, held, unparsed, redeliveries = unpack(KEYS, 1, 5)
local count = tonumber(ARGV[1])
local tags = { unpack(ARGV, 2, count + 1) }
local ours, mine, refused = fence(index, held, tags), {}, {}
for i = 1, count do
  if ours[i] then mine[#mine + 1] = tags[i] else refused[#refused + 1] = i end
end
if #mine > 0 then release(index, unacked, held, unparsed, redeliveries, mine) end
local at = count + 2
for i = 6, #KEYS do
  if ours[tonumber(ARGV[at])] then storeResult(KEYS[i], ARGV[at + 1], ARGV[at + 2]) end
  at = at + 3
end
return refused
