-- Returns messages of one holder whose lease has expired to the heads of their lists, in their order.
--
-- KEYS       holders unackedIndex unacked unparsed redeliveries doorbell
-- ARGV       self heldPrefix limit   (a holder who asks is alive, whatever its lease says: its own are left alone)
-- REPLY      {restored, holder, a key that is no list, or nothing}, or {-1} when no lease has run out
-- INVARIANT  A message is held or in its list. A claim that another holder took meanwhile (see its score) stays theirs.
local holders, index, unacked, unparsed, redeliveries, doorbell = unpack(KEYS, 1, 6)
-- The two whose leases end first.
local first = redis.call('ZRANGE', holders, 0, 1, 'WITHSCORES')
local at = first[1] == ARGV[1] and 3 or 1
local holder = first[at]
if not holder then return { -1 } end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(first[at + 1]) > nowMs then return { -1 } end
local held, limit = ARGV[2] .. holder, tonumber(ARGV[3])
local all = redis.call('HGETALL', held)
local claims = {}
for i = 1, #all, 2 do
  if all[i] ~= '' then
    local score, number, list = string.match(all[i + 1], '^(%S+) (%S+) (.*)$')
    claims[#claims + 1] = { tag = all[i], score = score, number = tonumber(number), list = list }
  end
end
-- The latest first: the last pushed is consumed first.
table.sort(claims, function(a, b)
  local x, y = tonumber(a.score) or 0, tonumber(b.score) or 0
  if x ~= y then return x > y end
  if a.number ~= b.number then return a.number > b.number end
  return a.tag > b.tag
end)
local restored, bad = 0, nil
for i = 1, math.min(#claims, limit) do
  local claim, raw = claims[i], nil
  if claim.score == '-' then
    raw = redis.call('HGET', unparsed, claim.tag)
  else
    local score = redis.call('ZSCORE', index, claim.tag)
    local value = score and tonumber(score) == tonumber(claim.score) and redis.call('HGET', unacked, claim.tag)
    raw = value and markRedelivered(string.match(value, '^%[(.+),"",".*"%]$'))
  end
  if raw and type(redis.pcall('LLEN', claim.list)) == 'table' then
    bad = claim.list
  elseif raw then
    release(index, unacked, held, unparsed, false, { claim.tag })
    redis.call('RPUSH', claim.list, raw)
    redis.call('HINCRBY', redeliveries, messageTag(claim.tag), 1)
    restored = restored + 1
  else
    redis.call('HDEL', held, claim.tag)
  end
end
if bad then
  -- A message that cannot be returned stays held, and is retried; it does not block those of other holders.
  redis.call('ZADD', holders, nowMs + 10000, holder)
elseif #claims <= limit then
  redis.call('ZREM', holders, holder)
  redis.call('DEL', held)
end
if restored > 0 then
  -- Counts of messages that a peer finished, or that were purged, would otherwise stay forever.
  redis.call('EXPIRE', redeliveries, 2592000)
  redis.call('PUBLISH', doorbell, '')
end
return { restored, holder, bad }
