-- Takes the turns of groups of rates, each group at once or not at all.
--
-- KEYS       rates...
-- ARGV       groups...   (of each rate the number of its group, its interval in ms, and for how long its turn must have
--            been free)
-- REPLY      of each rate the ms until its turn could be had; a group that was taken has zeros alone
-- INVARIANT  No two turns of a rate are closer than its interval.
local nowMs = serverNowMs()
local waits = {}
local first = 1
while first <= #KEYS do
  local group, last, isFree = ARGV[3 * first - 2], first, true
  while last < #KEYS and ARGV[3 * last + 1] == group do last = last + 1 end
  for i = first, last do
    local nextMs = tonumber(redis.call('GET', KEYS[i]) or 0)
    local waitMs = math.max(0, nextMs + tonumber(ARGV[3 * i]) - nowMs)
    if waitMs > 0 then isFree = false end
    waits[i] = string.format('%.3f', waitMs)
  end
  for i = first, isFree and last or 0 do
    local intervalMs = tonumber(ARGV[3 * i - 1])
    -- Kept longer than its turn: the time for which it has been free matters too.
    local fromMs = tonumber(redis.call('GET', KEYS[i]) or 0)
    -- A turn that is taken a moment late does not shorten the next one's time: otherwise a rate would never be reached.
    if nowMs - fromMs > math.max(50, math.min(250, intervalMs)) then fromMs = nowMs end
    local nextMs = fromMs + intervalMs
    local lifeMs = math.max(1, math.ceil(nextMs - nowMs)) + 2000
    redis.call('SET', KEYS[i], string.format('%.3f', nextMs), 'PX', digits(lifeMs))
  end
  first = last + 1
end
return waits
