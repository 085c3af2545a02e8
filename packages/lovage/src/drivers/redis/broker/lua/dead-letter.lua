-- addDeadLetter(dead, letters, messages, counts, id, failedMs, queue, letter, raw): stores a letter, unless its id
-- already exists.
local function addDeadLetter(dead, letters, messages, counts, id, failedMs, queue, letter, raw)
  if redis.call('HSETNX', letters, id, letter) == 0 then return end
  redis.call('HSET', messages, id, raw)
  redis.call('ZADD', dead, failedMs, id)
  redis.call('HINCRBY', counts, queue, 1)
end
