-- takeKept(take): reads how the only publication of the only settlement is claimed by its holder:
--   '' (it is not) · suffix holder leaseMs channel number tag; the publication's raw is then the value of `unacked`
-- keepOwn(one, kept, lists, index, unacked, held, holders): claims it, as claim.lua would, unless anything waits in the
-- lists: then it goes behind that. Whether it was claimed.
local function takeKept(take)
  local suffix = take()
  if suffix == '' then return false end
  return { suffix = suffix, holder = take(), leaseMs = take(), channel = take(), number = take(), tag = take() }
end

local function keepOwn(one, kept, lists, index, unacked, held, holders)
  if redis.call('EXISTS', unpack(lists)) > 0 then
    one.raw = string.sub(one.raw, 2, -1 - #kept.suffix)
    return false
  end
  local time = redis.call('TIME')
  local now = time[1] .. '.' .. string.format('%06d', time[2])
  local endMs = time[1] * 1000 + math.floor(time[2] / 1000) + kept.leaseMs
  redis.call('ZADD', holders, 'GT', string.format('%.0f', endMs), kept.holder)
  redis.call('HSET', unacked, kept.tag, one.raw)
  redis.call('ZADD', index, now, kept.tag)
  redis.call('HSET', held, kept.tag, now .. ' 1 ' .. one.list)
  if kept.channel ~= '' then redis.call('PUBLISH', kept.channel, kept.number) end
  return true
end
