-- Marks are stored in a hash, key → `<expiresMs or -> <value>`; those with an end also in a zset, scored by it.

-- living(stored, nowMs): value and end of a mark, or nothing.
local function living(stored, nowMs)
  local expiresMs, value = string.match(stored or '', '^(%S+) (.*)$')
  if expiresMs and (expiresMs == '-' or tonumber(expiresMs) > nowMs) then return value, expiresMs end
end

-- forgetEnded(marks, ends, nowMs): removes expired marks, a few at a time.
local function forgetEnded(marks, ends, nowMs)
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', digits(nowMs), 'LIMIT', 0, 500)
  if #ended == 0 then return end
  redis.call('HDEL', marks, unpack(ended))
  redis.call('ZREM', ends, unpack(ended))
end

-- announce(version, channel, keys): publishes the space's new version, and the changed keys unless there are many.
local function announce(version, channel, keys)
  local told = redis.call('INCR', version)
  if #keys <= 100 then told = told .. ' ' .. cjson.encode(keys) end
  redis.call('PUBLISH', channel, told)
end
