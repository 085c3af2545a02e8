-- Removes and returns dead letters.
--
-- KEYS       dead deadLetters deadMessages deadCounts
-- ARGV       ids...
-- REPLY      {letter, message, …} of those that were there
-- INVARIANT  A letter goes to one taker.
local dead, deadLetters, deadMessages, deadCounts = unpack(KEYS, 1, 4)
local taken = {}
for _, id in ipairs(ARGV) do
  local letter = redis.call('HGET', deadLetters, id)
  if letter then
    taken[#taken + 1] = letter
    taken[#taken + 1] = redis.call('HGET', deadMessages, id) or ''
    redis.call('HDEL', deadLetters, id)
    redis.call('HDEL', deadMessages, id)
    redis.call('ZREM', dead, id)
    local queue = cjson.decode(letter)['queue']
    if redis.call('HINCRBY', deadCounts, queue, -1) <= 0 then redis.call('HDEL', deadCounts, queue) end
  end
end
return taken
