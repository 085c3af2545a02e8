-- Stores results and announces them, each unless a SUCCESS is already stored.
--
-- KEYS       results...
-- ARGV       results...   (of each its life in seconds '0' for ever and its JSON)
-- REPLY      1
-- INVARIANT  A SUCCESS is never overwritten, and every stored result is announced.
for i = 1, #KEYS do
  storeResult(KEYS[i], ARGV[2 * i - 1], ARGV[2 * i])
end
return 1
