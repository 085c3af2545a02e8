-- Reads all entries of an app, as of one moment.
--
-- KEYS       entries states
-- ARGV
-- REPLY      {name, '<revision> <entry>', …}, {name, state, …}
-- INVARIANT  Every entry has a state.
return { redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
