-- Adds members to an open join, each once by its task id.
--
-- KEYS       parts extra size join
-- ARGV       ttlMs taskIds...
-- REPLY      1, or 0 when it is not open
-- INVARIANT  A join that is complete or over waits for no further member.
if redis.call('EXISTS', KEYS[3], KEYS[4]) == 0 then
  return 0
end
for _, field in ipairs({ 'over', 'by', 'expired' }) do
  if redis.call('HEXISTS', KEYS[4], field) == 1 then
    return 0
  end
end
for place = 2, #ARGV do
  if redis.call('HSETNX', KEYS[4], 'extra:' .. ARGV[place], '1') == 1 then
    redis.call('INCR', KEYS[2])
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[4], ARGV[1])
return 1
