-- Moves waiting messages to the tail of another queue's list, oldest first.
--
-- KEYS       from to doorbell
-- ARGV       limit fromJson toJson queue   (names of the queues as JSON strings; the target's plain)
-- REPLY      number moved
-- INVARIANT  A message is in one of the lists. Its routing key follows when it named the queue it leaves, because kombu
--            requeues by it.
local from, to, doorbell = KEYS[1], KEYS[2], KEYS[3]
local moved = 0
redis.call('LLEN', to)
local raws = redis.call('LRANGE', from, -tonumber(ARGV[1]), -1)
for i = #raws, 1, -1 do
  local raw = raws[i]
  redis.call('RPOP', from)
  local at
  for start in string.gmatch(raw, '()"routing_key"%s*:') do at = start end
  local key = at and string.match(raw, '^"routing_key"%s*:%s*()', at)
  if key and string.sub(raw, key, key + #ARGV[2] - 1) == ARGV[2] then
    raw = string.sub(raw, 1, key - 1) .. ARGV[3] .. string.sub(raw, key + #ARGV[2])
  end
  redis.call('LPUSH', to, raw)
  moved = moved + 1
end
if moved > 0 then redis.call('PUBLISH', doorbell, ARGV[4]) end
return moved
