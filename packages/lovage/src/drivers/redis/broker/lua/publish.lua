-- Publishes messages that are delayed, or that bear a name by which a repetition is dropped.
--
-- KEYS       doorbell delayed
-- ARGV       publications...   (as publication.lua reads them)
-- REPLY      1
-- INVARIANT  A message is stored and its name is taken, or neither.
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
while at < #ARGV do publish(takePublication(take), KEYS[1], KEYS[2]) end
return 1
