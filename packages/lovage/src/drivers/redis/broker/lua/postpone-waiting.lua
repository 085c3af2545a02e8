-- Moves waiting messages into the delay store.
--
-- KEYS       list delayed times messages doorbell
-- ARGV       queue dueMs raws...   (each followed by its member and its new value, the priority step and the message)
-- REPLY      number moved
-- INVARIANT  A message is in its list or in the delay store; messages claimed meanwhile are left alone.
local moved = 0
redis.call('ZCARD', KEYS[3])
redis.call('HLEN', KEYS[4])
for i = 3, #ARGV, 3 do
  if redis.call('LREM', KEYS[1], -1, ARGV[i]) > 0 then
    postpone(KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[i + 1], ARGV[2], ARGV[i + 2])
    moved = moved + 1
  end
end
if moved > 0 then redis.call('PUBLISH', KEYS[5], '') end
return moved
