-- Takes or renews slots of a limited number.
--
-- KEYS       slots...
-- ARGV       slots...   (of each the member, the limit and the ms for which it holds)
-- REPLY      1 or 0 for each
-- INVARIANT  Never more than `limit` living members.
local nowMs = serverNowMs()
local entered = {}
for i = 1, #KEYS do
  local slots, member, limit, ttlMs = KEYS[i], ARGV[3 * i - 2], tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', digits(nowMs))
  local isIn = redis.call('ZSCORE', slots, member) or redis.call('ZCARD', slots) < limit
  if isIn then
    redis.call('ZADD', slots, digits(nowMs + ttlMs), member)
    if redis.call('PTTL', slots) < ttlMs then redis.call('PEXPIRE', slots, digits(ttlMs)) end
  end
  entered[i] = isIn and 1 or 0
end
return entered
