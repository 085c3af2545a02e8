-- Reads the members of sets.
--
-- KEYS       sets…
-- REPLY      the members of each
-- INVARIANT  Only reads.
local members = {}
for place, set in ipairs(KEYS) do
  members[place] = redis.call('SMEMBERS', set)
end
return members
