-- Takes turns under rates (GCRA): each key holds the time at which its next turn would be, if turns were evenly spaced.
--
-- KEYS       rates...
-- ARGV       rates...   (of each its interval in ms and its burst)
-- REPLY      Unix ms of each turn
-- INVARIANT  No two turns of a rate are closer than its interval, but for `burst` at once after idleness.
local nowMs = serverNowMs()
local turns = {}
for i = 1, #KEYS do
  local intervalMs, burst = tonumber(ARGV[2 * i - 1]), math.max(1, tonumber(ARGV[2 * i]))
  local theoreticalMs = math.max(tonumber(redis.call('GET', KEYS[i]) or nowMs), nowMs)
  local turnMs = math.max(nowMs, theoreticalMs - (burst - 1) * intervalMs)
  local nextMs = theoreticalMs + intervalMs
  redis.call('SET', KEYS[i], string.format('%.3f', nextMs), 'PX', digits(math.ceil(nextMs - nowMs) + 1))
  turns[i] = string.format('%.3f', turnMs)
end
return turns
