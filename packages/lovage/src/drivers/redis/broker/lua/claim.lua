-- Claims waiting messages for a holder, the lists in their order, oldest first.
--
-- KEYS       unackedIndex unacked held holders unparsed redeliveries reserved lists...
-- ARGV       holder leaseMs count remark steps reservation channel number suffixes...   (the remark is longer than 64
--            bytes; as reserved-room.lua; where the number is told if anything was claimed, or empty; `steps` lists and
--            a suffix for each queue)
-- REPLY      {tags, counts, redeliveries, message, …}: tags by line; pairs `list:number`, the number `!` for a key that
--            is no list, or `-` when no room was reserved; numbers or empty; messages
-- INVARIANT  A message is in its list or claimed (`held`, and `unacked` or `unparsed`), never in neither. Nothing fails
--            after the first RPOP: wrong types show before it or are passed over; no full memory stops a script then.
local index, unacked, held, holders, unparsed, redeliveries, reserved = unpack(KEYS, 1, 7)
local holder, leaseMs, steps, reservation = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5]), ARGV[6]
local isBehindWait = reservation ~= '' and reservation ~= 'withdraw'
-- Most waits end without a message: that costs one command.
if isBehindWait and redis.call('EXISTS', unpack(KEYS, 8)) == 0 then return { '', '', '' } end
local count = roomFor(reserved, reservation, tonumber(ARGV[3]), holders, holder)
if not count then return { '', '-', '' } end
local isNewIndex, hasLosses
local raws, lists, counts = popLists(KEYS, 8, count, function()
  redis.call('HLEN', unacked)
  redis.call('HLEN', held)
  redis.call('ZCARD', holders)
  isNewIndex = redis.call('ZCARD', index) == 0
  -- Rarely is there any of these.
  hasLosses = redis.call('EXISTS', unparsed, redeliveries) > 0
  hasLosses = hasLosses and redis.call('HLEN', unparsed) >= 0 and redis.call('HLEN', redeliveries) > 0
end)
if not raws then return lists end
local n = #raws
local reply = { '', counts, '', unpack(raws) }
if n == 0 then return reply end
if isBehindWait then redis.call('SET', reserved, '-', 'KEEPTTL') end
-- Whatever was published to the holder before is on its way before this.
if ARGV[7] ~= '' then redis.call('PUBLISH', ARGV[7], ARGV[8]) end

local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
-- A claiming holder is alive, whatever the state of its lease.
local endMs = time[1] * 1000 + math.floor(time[2] / 1000) + leaseMs
redis.call('ZADD', holders, 'GT', string.format('%.0f', endMs), holder)

local tags, parsed, scores, seen = {}, {}, {}, {}
for i = 1, n do
  tags[i] = deliveryTag(raws[i]) or ''
  parsed[i] = tags[i] ~= ''
end
local known = redis.call('HMGET', unacked, unpack(tags))
for i = 1, n do
  local own = plainTag(tags[i])
  -- Copies that share a tag (kombu's topic exchanges create such copies) must not share an entry.
  local isTaken = not parsed[i] or known[i] or seen[tags[i]]
  if isTaken or own ~= tags[i] or wasRedelivered(raws[i]) then
    tags[i] = 'lovage:' .. holder .. ':' .. now .. ':' .. i .. (isTaken and '' or '\t' .. own)
  end
  seen[tags[i]] = true
  if parsed[i] then scores[#scores + 1], scores[#scores + 2] = now, tags[i] end
end
-- A value longer than 64 bytes turns a hash or a sorted set into a table at once. As the lists that they are while
-- they are small, they would be scanned from the beginning for each of a hundred claims.
isNewIndex = isNewIndex and n >= 8
if #scores > 0 then
  if isNewIndex then redis.call('ZADD', index, now, ARGV[4]) end
  redis.call('ZADD', index, unpack(scores))
  if isNewIndex then redis.call('ZREM', index, ARGV[4]) end
end
local values, claims = {}, { '', ARGV[4] }
for i = 1, n do
  claims[2 * i + 1] = tags[i]
  claims[2 * i + 2] = (parsed[i] and now or '-') .. ' ' .. i .. ' ' .. KEYS[lists[i]]
  if parsed[i] then
    values[#values + 1] = tags[i]
    values[#values + 1] = '[' .. raws[i] .. ARGV[9 + math.floor((lists[i] - 8) / steps)]
  else
    redis.call('HSET', unparsed, tags[i], raws[i])
  end
end
if #values > 0 then redis.call('HSET', unacked, unpack(values)) end
redis.call('HSET', held, unpack(claims))
reply[1], reply[3] = table.concat(tags, '\n'), hasLosses and lossesOf(redeliveries, tags) or ''
return reply
