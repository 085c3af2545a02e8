-- fence(index, held, tags): which of the tags are still this holder's, as a list of booleans. A claim is ours while
-- `held` has it and its score in the index is the one that we wrote last: another holder that takes it writes its own.
local function fence(index, held, tags)
  local claims = redis.call('HMGET', held, unpack(tags))
  local scores = redis.call('ZMSCORE', index, unpack(tags))
  local ours, stale = {}, {}
  for i = 1, #tags do
    local ourScore = claims[i] and string.match(claims[i], '^%S+')
    -- Another version of the server may format the same number with other digits.
    ours[i] = ourScore and (ourScore == '-' or ourScore == scores[i] or
      (scores[i] and tonumber(ourScore) == tonumber(scores[i]))) or false
    if claims[i] and not ours[i] then stale[#stale + 1] = tags[i] end
  end
  if #stale > 0 then redis.call('HDEL', held, unpack(stale)) end
  return ours
end

-- release(index, unacked, held, unparsed, redeliveries, tags): removes claims; their counts too, unless `redeliveries`
-- is false. Starts with HDEL, which a full memory does not stop.
local function release(index, unacked, held, unparsed, redeliveries, tags)
  redis.call('HDEL', held, unpack(tags))
  redis.call('HDEL', unacked, unpack(tags))
  redis.call('ZREM', index, unpack(tags))
  if redis.call('EXISTS', unparsed) == 1 then redis.call('HDEL', unparsed, unpack(tags)) end
  if redeliveries and redis.call('EXISTS', redeliveries) == 1 then
    redis.call('HDEL', redeliveries, unpack(messageTags(tags)))
  end
end
