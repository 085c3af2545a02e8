-- takePublication(take): reads one publication from the arguments:
--   onceKey onceMs list ring raw: to a list; `ring` is the queue when no consumer waits at the list
--   onceKey onceMs '' times messages queue member dueMs raw: to the delay store; `raw` starts with the priority step
local function takePublication(take)
  local one = { onceKey = take(), onceMs = take(), list = take() }
  if one.list ~= '' then
    one.ring, one.raw = take(), take()
  else
    one.times, one.messages, one.queue = take(), take(), take()
    one.member, one.dueMs, one.raw = take(), take(), take()
  end
  return one
end

local function postpone(delayed, times, messages, queue, member, dueMs, value)
  redis.call('ZADD', times, dueMs, member)
  redis.call('HSET', messages, member, value)
  redis.call('ZADD', delayed, 'LT', dueMs, queue)
end

-- publish(one, doorbell, delayed): executes it, unless its `onceKey` already exists.
local function publish(one, doorbell, delayed)
  if one.list ~= '' then redis.call('LLEN', one.list) end
  if one.onceKey ~= '' and not redis.call('SET', one.onceKey, '1', 'NX', 'PX', one.onceMs) then return end
  if one.list == '' then
    postpone(delayed, one.times, one.messages, one.queue, one.member, one.dueMs, one.raw)
  else
    redis.call('LPUSH', one.list, one.raw)
    if one.ring ~= '' then redis.call('PUBLISH', doorbell, one.ring) end
  end
end
