-- Removes a join whose body was published, or failed; remembers that it is over, for redelivered members.
--
-- KEYS       parts extra size join owed group
-- ARGV       id ttlMs
-- REPLY      1
-- INVARIANT  A join that is over counts no further member.
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[4], 'over', '1')
redis.call('PEXPIRE', KEYS[4], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[1])
return 1
