-- Adds and changes entries.
--
-- KEYS       entries states version channel
-- ARGV       puts...   (of each: name, the revision it was made from or 0, entry, the state of a new entry, and Unix
--                      ms to count from, or -)
-- REPLY      {1 or 0, …}: whether each was written
-- INVARIANT  An entry overwrites only the revision that it was made from, and its state stays, except for
--            anchor and cursor when counting restarts.
local entries, states, version, channel = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local written, changed = {}, false
for at = 1, #ARGV, 5 do
  local name, revision, entry, state, restart = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local stored = string.match(redis.call('HGET', entries, name) or '0 ', '^(%d+) ')
  if stored == revision then
    redis.call('HSET', entries, name, string.format('%.0f %s', tonumber(revision) + 1, entry))
    if revision ~= '0' then state = redis.call('HGET', states, name) end
    if restart ~= '-' then state = string.gsub(state, '^%S+ %S+', restart .. ' ' .. restart) end
    redis.call('HSET', states, name, state)
    written[#written + 1] = 1
    changed = true
  else
    written[#written + 1] = 0
  end
end
if changed then announce(version, channel) end
return written
