-- Settles claims, each with its continuation and its results.
--
-- KEYS unackedIndex unacked held unparsed redeliveries doorbell delayed dead deadLetters deadMessages deadCounts own...
--            (where something is kept: holders, and the lists of the consumer)
-- ARGV       kept settlements...   (kept as keep.lua reads it; tag kind publications results, what the kind takes, …)
--            kinds: ack · requeue counts raw · postpone times messages queue member dueMs step
--            · dead id failedMs queue letter raw. An empty raw stands for the message as it was claimed.
--            A result is key ttlS json; publications are as publication.lua reads them.
-- REPLY      {positions of those whose tag was no longer ours, 1 if kept, position and error of those that failed, …}
-- INVARIANT  All parts of a settlement take effect, or, when its claim is not ours, none does. The
--            claim is removed last: a settlement that fails before stays held.
local index, unacked, held, unparsed, redeliveries, doorbell, delayed = unpack(KEYS, 1, 7)
local dead, deadLetters, deadMessages, deadCounts = unpack(KEYS, 8, 11)
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function takeMany(count)
  local taken = {}
  for i = 1, count do taken[i] = take() end
  return taken
end

local function claimed(tag)
  local value = redis.call('HGET', unacked, tag)
  if value then return string.match(value, '^%[(.+),"",".*"%]$') end
  return redis.call('HGET', unparsed, tag)
end

local kept, isKept = takeKept(take), false
local KINDS = {
  ack = { 0, function() end },
  requeue = { 2, function(tag, counts, raw)
    local list = string.match(redis.call('HGET', held, tag), '^%S+ %S+ (.*)$')
    redis.call('RPUSH', list, raw ~= '' and raw or claimed(tag))
    redis.call('PUBLISH', doorbell, '')
    if counts == '1' then redis.call('HINCRBY', redeliveries, messageTag(tag), 1) end
  end },
  postpone = { 6, function(tag, times, messages, queue, member, dueMs, step)
    postpone(delayed, times, messages, queue, member, dueMs, step .. ' ' .. claimed(tag))
  end },
  dead = { 5, function(tag, id, failedMs, queue, letter, raw)
    raw = raw ~= '' and raw or claimed(tag)
    addDeadLetter(dead, deadLetters, deadMessages, deadCounts, id, failedMs, queue, letter, raw)
  end },
}

local function settle(tag, kind, given, publications, results)
  for _, one in ipairs(publications) do
    isKept = kept and keepOwn(one, kept, { unpack(KEYS, 13) }, index, unacked, held, KEYS[12])
    if not isKept then publish(one, doorbell, delayed) end
  end
  for _, result in ipairs(results) do storeResult(unpack(result)) end
  KINDS[kind][2](tag, unpack(given))
  local keepsCount = kind == 'requeue' or kind == 'postpone'
  release(index, unacked, held, unparsed, not keepsCount and redeliveries, { tag })
end

-- Deletes nothing, but a full memory does not stop a script that has already written: workers must be able to finish.
redis.call('HDEL', held, '-')
local refused, failed, position = {}, {}, 0
while at < #ARGV do
  position = position + 1
  local tag, kind, publicationCount, resultCount = take(), take(), tonumber(take()), tonumber(take())
  local given, publications, results = takeMany(KINDS[kind][1]), {}, {}
  for i = 1, publicationCount do publications[i] = takePublication(take) end
  for i = 1, resultCount do results[i] = takeMany(3) end
  if fence(index, held, { tag })[1] then
    local ok, problem = pcall(settle, tag, kind, given, publications, results)
    if not ok then
      failed[#failed + 1] = position
      failed[#failed + 1] = type(problem) == 'table' and problem.err or tostring(problem)
    end
  else
    refused[#refused + 1] = position
  end
end
return { refused, isKept and 1 or 0, unpack(failed) }
