-- popLists(keys, first, count, check): pops at most `count` messages from the lists `keys[first]…`, in their order and
-- oldest first. Calls `check` before the first one that is popped.
-- Returns the messages, the place of each one's list in `keys`, and pairs `list:number` as words, the number `!` for a
-- key that is no list; or nothing and an error, when nothing was popped.
local LISTS_AT_ONCE = 100

local function popLists(keys, first, count, check)
  local raws, lists, counts = {}, {}, {}
  -- Nearly every look of an idle worker finds nothing, and so do most lists of many queues.
  for from = first, #keys, LISTS_AT_ONCE do
    local to = math.min(from + LISTS_AT_ONCE - 1, #keys)
    local left = #raws < count and redis.call('EXISTS', unpack(keys, from, to)) or 0
    if left > 0 then
      if #raws == 0 then check() end
      for i = from, to do
        if left == 0 or #raws >= count then break end
        local popped = redis.pcall('RPOP', keys[i], count - #raws)
        if popped then left = left - 1 end
        if popped and popped.err then
          if #raws == 0 and not string.find(popped.err, 'WRONGTYPE', 1, true) then return nil, popped end
          counts[#counts + 1] = (i - first) .. ':!'
        elseif popped then
          counts[#counts + 1] = (i - first) .. ':' .. #popped
          for _, raw in ipairs(popped) do raws[#raws + 1], lists[#lists + 1] = raw, i end
        end
      end
    end
  end
  return raws, lists, table.concat(counts, ' ')
end
