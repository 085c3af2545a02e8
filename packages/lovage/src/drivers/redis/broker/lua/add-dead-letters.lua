-- Stores dead letters.
--
-- KEYS       dead deadLetters deadMessages deadCounts
-- ARGV       letters...   (id failedMs queue letter message)
-- REPLY      1
-- INVARIANT  A letter's four records exist together, once for each id.
for at = 1, #ARGV, 5 do
  addDeadLetter(KEYS[1], KEYS[2], KEYS[3], KEYS[4], unpack(ARGV, at, at + 4))
end
return 1
