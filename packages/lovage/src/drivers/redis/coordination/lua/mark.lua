-- Marks lie in a hash, key → `<expiresMs or -> <value>`; those with an end also in a zset, by it.

-- living(stored, nowMs): value and end of a mark, or nothing.
local function living(stored, nowMs)
  local expiresMs, value = string.match(stored or '', '^(%S+) (.*)$')
  if expiresMs and (expiresMs == '-' or tonumber(expiresMs) > nowMs) then return value, expiresMs end
end

-- forgetEnded(marks, ends, nowMs): removes marks whose end has come, a few at a time.
local function forgetEnded(marks, ends, nowMs)
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', digits(nowMs), 'LIMIT', 0, 500)
  if #ended == 0 then return end
  redis.call('HDEL', marks, unpack(ended))
  redis.call('ZREM', ends, unpack(ended))
end

-- announce(version, channel, keys): tells who watches the space its new version, and what changed unless that is much.
local function announce(version, channel, keys)
  local told = redis.call('INCR', version)
  if #keys <= 100 then told = told .. ' ' .. cjson.encode(keys) end
  redis.call('PUBLISH', channel, told)
end
