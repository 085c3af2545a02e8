-- Pushes messages into a list, unless the publisher did so before under the same number and lost the reply.
--
-- KEYS       list pushed
-- ARGV       number forgetCount numbers... messages...   (numbers whose replies have come)
-- REPLY      1, or 0 when this number was pushed before
-- INVARIANT  Messages are in the list and their number is kept, or neither.
local list, pushed = KEYS[1], KEYS[2]
local number, forgetCount = ARGV[1], tonumber(ARGV[2])
if redis.call('HSETNX', pushed, number, '') == 0 then return 0 end
local pushing = redis.pcall('LPUSH', list, unpack(ARGV, forgetCount + 3))
if type(pushing) == 'table' then
  -- The key is not a list.
  redis.call('HDEL', pushed, number)
  return pushing
end
if forgetCount > 0 then redis.call('HDEL', pushed, unpack(ARGV, 3, forgetCount + 2)) end
redis.call('PEXPIRE', pushed, 3600000)
return 1
