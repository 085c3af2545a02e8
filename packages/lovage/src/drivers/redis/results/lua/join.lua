local function nowMs()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Whether all members have arrived, as Celery counts them.
local function isFull(keys)
  local size = redis.call('GET', keys[3])
  if not size then
    return false
  end
  return redis.call('ZCARD', keys[1]) >= tonumber(size) + tonumber(redis.call('GET', keys[2]) or '0')
end

-- A handed-out join: body, shape (nil when Python opened it), '1' when it has expired, and of each part its
-- score and its member.
local function readJoin(keys)
  local held = redis.call('HMGET', keys[4], 'body', 'shape', 'expired')
  local parts = redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
  return { held[1] or '', held[2], held[3] or '', parts }
end
