-- Counts the waiting and delayed messages of queues. A queue's keys are made here of its name: those of ten thousand
-- queues would be megabytes.
--
-- KEYS       queues   (stands for all: in a cluster they share a slot)
-- ARGV       listPrefix separator steps timesPrefix dueByMs queues…   (-1 without a count of due messages)
-- REPLY      {waiting, delayed, due, …} of each queue in turn; due is 0 without a time
-- INVARIANT  Only reads.
local prefix, separator, timesPrefix, due = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local suffixes = {}
for step in string.gmatch(ARGV[3], '%d+') do
  suffixes[#suffixes + 1] = step == '0' and '' or separator .. step
end
local counts = {}
for place = 6, #ARGV do
  local queue = ARGV[place]
  local times = timesPrefix .. queue
  local waiting = 0
  for _, suffix in ipairs(suffixes) do
    waiting = waiting + redis.call('LLEN', prefix .. queue .. suffix)
  end
  counts[#counts + 1] = waiting
  counts[#counts + 1] = redis.call('ZCARD', times)
  counts[#counts + 1] = due == '-1' and 0 or redis.call('ZCOUNT', times, '-inf', due)
end
return counts
