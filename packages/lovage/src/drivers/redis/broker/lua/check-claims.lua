-- Finds out which claims are still a holder's.
--
-- KEYS       unackedIndex held
-- ARGV       tags...
-- REPLY      positions of the tags that are no longer ours
-- INVARIANT  Forgets only claims that others have taken.
local refused = {}
for i, isOurs in ipairs(fence(KEYS[1], KEYS[2], ARGV)) do
  if not isOurs then refused[#refused + 1] = i end
end
return refused
