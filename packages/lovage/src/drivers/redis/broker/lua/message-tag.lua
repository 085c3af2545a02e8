-- A claim is known by its message's own tag, or by one of ours that ends in it, after a tab.
--
-- messageTag(tag): the message's own, by which the losses of its holders are counted from claim to claim.
local function messageTag(tag)
  return string.match(tag, '\t(.*)$') or tag
end

local function messageTags(tags)
  local own = {}
  for i = 1, #tags do own[i] = messageTag(tags[i]) end
  return own
end

-- wasRedelivered(raw): whether somebody had the message before, by kombu's flag at its tail. It may be a kombu that
-- will acknowledge the message's tag still: it does so when it requeues, after the message is back in its list, and
-- when it ends a task that was taken from it.
local function wasRedelivered(raw)
  return string.find(raw, '"redelivered"', -400, true)
end

-- lossesOf(redeliveries, tags): how often holders of the messages were lost, as words; empty when none ever was.
local function lossesOf(redeliveries, tags)
  if redis.call('EXISTS', redeliveries) == 0 then return '' end
  local found = redis.call('HMGET', redeliveries, unpack(messageTags(tags)))
  for i = 1, #tags do found[i] = found[i] or '0' end
  return table.concat(found, ' ')
end
