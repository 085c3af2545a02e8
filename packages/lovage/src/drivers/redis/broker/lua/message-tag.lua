-- A claim is identified by its message's own tag, or by one of our tags that ends in it, after a tab.
--
-- messageTag(tag): the message's own tag, by which the losses of its holders are counted from claim to claim.
local function messageTag(tag)
  return string.match(tag, '\t(.*)$') or tag
end

local function messageTags(tags)
  local own = {}
  for i = 1, #tags do own[i] = messageTag(tags[i]) end
  return own
end

-- wasRedelivered(raw): whether the message was delivered before, by kombu's flag at its tail. The earlier holder may be
-- a kombu that will still acknowledge the message's tag: it does so when it requeues, after the message is back in its
-- list, and when it ends a task that was taken from it.
local function wasRedelivered(raw)
  return string.find(raw, '"redelivered"', -400, true)
end

-- lossesOf(redeliveries, tags): how often holders of the messages were lost, as words.
local function lossesOf(redeliveries, tags)
  local found = redis.call('HMGET', redeliveries, unpack(messageTags(tags)))
  for i = 1, #tags do found[i] = found[i] or '0' end
  return table.concat(found, ' ')
end
