-- Moves the cursors of entries and counts their runs. A state is `<anchor> <cursor> <lastTick> <lastRun> <lastTaskId>
-- <totalRunCount>`, - standing for none.
--
-- KEYS       states fence
-- ARGV       token advances...   (- is nobody's token; of each advance: name, the cursor it was decided from, cursor,
--                                anchor, tick, time and task id of the last run or -, and how many runs)
-- REPLY      {1 or 0, …}: whether each was written; nothing when the token is too old
-- INVARIANT  Once a token was used, no smaller one changes anything. A cursor moves only from where it was read.
local states, fence = KEYS[1], KEYS[2]
local token = ARGV[1]
if token ~= '-' then
  -- Tokens are written with 20 digits, so that they compare as text: they have 64 bits, Lua numbers 53.
  local seen = redis.call('GET', fence)
  if seen and token < seen then return false end
  redis.call('SET', fence, token)
end
local function given(new, old) return new == '-' and old or new end
local written = {}
for at = 2, #ARGV, 8 do
  local name, from, cursor, anchor = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local tick, run, task, count = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
  local state = redis.call('HGET', states, name) or ''
  local oldCursor, oldTick, oldRun, oldTask, total = string.match(state, '^%S+ (%S+) (%S+) (%S+) (%S+) (%S+)$')
  if oldCursor == from then
    redis.call('HSET', states, name, table.concat({
      anchor, cursor, given(tick, oldTick), given(run, oldRun), given(task, oldTask),
      string.format('%.0f', total + count),
    }, ' '))
    written[#written + 1] = 1
  else
    written[#written + 1] = 0
  end
end
return written
