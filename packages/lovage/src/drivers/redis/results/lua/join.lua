local function nowMs()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Whether all members have arrived, as Celery counts them; `isExact`: and none beyond them.
local function isFull(keys, isExact)
  local size = redis.call('GET', keys[3])
  if not size then
    return false
  end
  local missing = tonumber(size) + tonumber(redis.call('GET', keys[2]) or '0') - redis.call('ZCARD', keys[1])
  return missing == 0 or (missing < 0 and not isExact)
end

-- The ids of the tasks in a header that Celery keeps because groups are in it; nil without one that can be read.
local function keptHeader(keys)
  local json = redis.call('GET', keys[6])
  local isRead, kept = pcall(cjson.decode, json or '')
  local ids = {}
  local function visit(result)
    if type(result[2]) ~= 'table' then
      ids[#ids + 1] = result[1][1]
      return
    end
    for _, child in ipairs(result[2]) do
      visit(child)
    end
  end
  return isRead and pcall(function() visit(kept.result) end) and ids or nil
end

-- Whether every task of a kept header has arrived.
local function isWhole(keys)
  local ids = keptHeader(keys)
  local arrived = {}
  for _, member in ipairs(ids and redis.call('ZRANGE', keys[1], 0, -1) or {}) do
    arrived[string.match(member, '^%[%d+,%s*"([^"]*)"') or ''] = true
  end
  for _, id in ipairs(ids or {}) do
    if not arrived[id] then
      return false
    end
  end
  return true
end

-- A handed-out join: body, shape (nil when Python opened it), '1' when it has expired, and of each part its
-- score and its member.
local function readJoin(keys)
  local held = redis.call('HMGET', keys[4], 'body', 'shape', 'expired')
  local parts = redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
  return { held[1] or '', held[2], held[3] or '', parts }
end
