-- Finds waiting messages in which an id stands, in a part of a list; the caller reads whether it is the message's own.
--
-- KEYS       list
-- ARGV       from to ids...
-- REPLY      {messages read, messages...}
-- INVARIANT  Changes nothing.
local raws = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
local reply = { #raws }
for _, raw in ipairs(raws) do
  for i = 3, #ARGV do
    if string.find(raw, ARGV[i], 1, true) then
      table.insert(reply, raw)
      break
    end
  end
end
return reply
