-- storeResult(key, ttl, json): stores a result and announces it, unless a SUCCESS is already stored.
-- `ttl` in seconds, '0' = forever. The announcement carries the result, as Python's waiters never read the key again.
local function storeResult(key, ttl, json)
  local life = ttl == '0' and {} or { 'EX', ttl }
  if not redis.call('SET', key, json, 'NX', unpack(life)) then
    local head = redis.call('GETRANGE', key, 0, 23)
    if string.find(head, '^{"status": ?"SUCCESS"') then return end
    if not string.find(head, '^{"status"') then
      local ok, meta = pcall(cjson.decode, redis.call('GET', key))
      if ok and type(meta) == 'table' and meta['status'] == 'SUCCESS' then return end
    end
    redis.call('SET', key, json, unpack(life))
  end
  redis.call('PUBLISH', key, json)
end
