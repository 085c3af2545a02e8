-- Moves due messages from the delay store to the heads of their lists, the earliest first; those that are to stand
-- behind others (`+`) to the ends.
--
-- KEYS       delayed doorbell
-- ARGV       timesPrefix messagesPrefix listPrefix separator limit
-- REPLY      {moved, milliseconds until the next is due, or -1, a queue whose key is no list, or nothing}
-- INVARIANT  A message is in the delay store or in its list, never in both or neither.
local delayed, doorbell = KEYS[1], KEYS[2]
local timesPrefix, messagesPrefix, listPrefix, separator, limit = unpack(ARGV, 1, 5)
-- Nearly every look finds nothing, or nothing that is due.
if redis.call('EXISTS', delayed) == 0 then return { 0, -1 } end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local moved, bad = 0, nil
local queue = redis.call('ZRANGEBYSCORE', delayed, '-inf', nowMs, 'LIMIT', 0, 1)[1]
if queue then
  local times, messages = timesPrefix .. queue, messagesPrefix .. queue
  local members = redis.call('ZRANGEBYSCORE', times, '-inf', nowMs, 'LIMIT', 0, limit)
  if #members > 0 then
    local values = redis.call('HMGET', messages, unpack(members))
    local heads, ends = {}, {}
    for i = #members, 1, -1 do
      local step, behind, raw = string.match(values[i] or '', '^(%d+)(%+?) (.*)$')
      if step then
        local list = listPrefix .. queue .. (step == '0' and '' or separator .. step)
        -- Fails here, before any change, when the key is not a list.
        if not heads[list] and type(redis.pcall('LLEN', list)) == 'table' then bad = queue end
        heads[list], ends[list] = heads[list] or {}, ends[list] or {}
        if behind == '' then table.insert(heads[list], raw) else table.insert(ends[list], 1, raw) end
      end
    end
    -- It waits until its key is repaired, and does not hold up the due messages of other queues.
    if bad then
      redis.call('ZADD', delayed, nowMs + 10000, queue)
      return { 0, 0, queue }
    end
    -- Removal first: then a full memory does not stop the rest, which needs no further memory.
    redis.call('ZREM', times, unpack(members))
    redis.call('HDEL', messages, unpack(members))
    for list, raws in pairs(heads) do
      if #raws > 0 then redis.call('RPUSH', list, unpack(raws)) end
      if #ends[list] > 0 then redis.call('LPUSH', list, unpack(ends[list])) end
      moved = moved + #raws + #ends[list]
    end
    redis.call('PUBLISH', doorbell, queue)
  end
  local first = redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', delayed, first[2], queue) else redis.call('ZREM', delayed, queue) end
end
local next = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return { moved, next[2] and math.ceil(math.max(0, next[2] - nowMs)) or -1 }
