-- Renews a holder's lease, and the scores of its claims, by which Python judges.
--
-- KEYS       holders held unackedIndex
-- ARGV       holder leaseMs
-- REPLY      number of claims that are still ours
-- INVARIANT  A score is renewed only while it is the one that we wrote: claims taken by another holder stay theirs.
local holders, held, index = KEYS[1], KEYS[2], KEYS[3]
-- Deletes nothing, but a full memory does not stop a script that has already written.
redis.call('HDEL', held, '-')
local time = redis.call('TIME')
redis.call('ZADD', holders, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]), ARGV[1])
local all = redis.call('HGETALL', held)
local now = time[1] .. '.' .. string.format('%06d', time[2])
local ours, score = 0, nil
for i = 1, #all, 2 do
  local tag = all[i]
  local written, rest = string.match(all[i + 1], '^(%S+)( .*)$')
  if tag == '' then
    -- The remark, not a claim.
  elseif written == '-' then
    ours = ours + 1
  else
    local current = redis.call('ZSCORE', index, tag)
    if current and tonumber(current) == tonumber(written) then
      redis.call('ZADD', index, now, tag)
      score = score or redis.call('ZSCORE', index, tag)
      redis.call('HSET', held, tag, score .. rest)
      ours = ours + 1
    else
      redis.call('HDEL', held, tag)
    end
  end
end
return ours
