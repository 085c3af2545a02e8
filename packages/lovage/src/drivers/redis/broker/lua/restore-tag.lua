-- Returns one claimed message, whose holder keeps no lease, to the heads of its lists.
--
-- KEYS       unackedIndex unacked redeliveries doorbell lists...
-- ARGV       tag value message
-- REPLY      1, or 0 when the claim is not what it was
-- INVARIANT  A message is claimed or in its lists. Only the claim that was seen (`value`) is undone.
local index, unacked, redeliveries, doorbell = unpack(KEYS, 1, 4)
local tag = ARGV[1]
if redis.call('HGET', unacked, tag) ~= ARGV[2] then return 0 end
for i = 5, #KEYS do redis.call('LLEN', KEYS[i]) end
redis.call('ZREM', index, tag)
redis.call('HDEL', unacked, tag)
for i = 5, #KEYS do redis.call('RPUSH', KEYS[i], ARGV[3]) end
redis.call('HINCRBY', redeliveries, messageTag(tag), 1)
redis.call('PUBLISH', doorbell, '')
return 1
