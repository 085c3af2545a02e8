-- A holder that waits reserves room for one claim, which stands behind its waits and is executed as soon as one of them
-- ends. `reserved` is `<epoch> <count>`, then `-` once the claim was made; its holder reserves again when it has the
-- reply.
--
-- roomFor(reserved, reservation, count, holders, holder): how many messages a claim may take, by its kind: '' any;
-- 'withdraw' ends the reservation, and may take none where its claim was made; an epoch is that of a claim behind a
-- wait, which may take none for a process that has stopped: what others take from it must not come back to it.
-- Returns nothing when it may take none.
local function roomFor(reserved, reservation, count, holders, holder)
  if reservation == '' then return count end
  local room = redis.call('GET', reserved)
  if reservation == 'withdraw' then
    if room == '-' then return end
    if room then redis.call('DEL', reserved) end
    return count
  end
  local epoch, reservedCount = string.match(room or '', '^(%S+) (%d+)$')
  if epoch ~= reservation then return end
  local endMs = redis.call('ZSCORE', holders, holder)
  if not endMs or tonumber(endMs) < redis.call('TIME')[1] * 1000 then return end
  return tonumber(reservedCount)
end
