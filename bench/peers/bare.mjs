// The fastest worker and producer that can be written on Celery's wire over Redis: what is left when there are no tasks, no leases and no
// decisions. Acknowledgements and the next claim are one script, two turns are under way at once, and a message is not parsed beyond its
// id and its tag. It loses nothing when it dies, but nobody gives back what it held.
import { Redis } from 'ioredis'
import { envelope, idIn, metaOf, tagIn } from '../envelope.mjs'

export const name = 'Bare driver'
export const concurrency = 100
const TURNS = 2

// KEYS: the index, the hash of what is held, the queue. ARGV: now, how many, how many tags, the tags, ids and results in turn.
const TURN = `
local tags = tonumber(ARGV[3])
if tags > 0 then
  redis.call('ZREM', KEYS[1], unpack(ARGV, 4, 3 + tags))
  redis.call('HDEL', KEYS[2], unpack(ARGV, 4, 3 + tags))
end
for at = 4 + tags, #ARGV, 2 do
  local key = 'celery-task-meta-' .. ARGV[at]
  redis.call('SET', key, ARGV[at + 1], 'EX', 86400)
  redis.call('PUBLISH', key, ARGV[at + 1])
end
local raws = redis.call('RPOP', KEYS[3], ARGV[2])
if not raws then return {} end
local index, held = {}, {}
for i = 1, #raws do
  local tag = string.sub(raws[i], -39, -4)
  index[i * 2 - 1] = ARGV[1]
  index[i * 2] = tag
  held[i * 2 - 1] = tag
  held[i * 2] = '[' .. raws[i] .. ',"","bench"]'
end
redis.call('ZADD', KEYS[1], unpack(index))
redis.call('HSET', KEYS[2], unpack(held))
return raws`

/** `url` is the broker; results go beside it when `results` is true. */
export async function open({ url, results }) {
  const redis = new Redis(url)
  redis.defineCommand('turn', { numberOfKeys: 3, lua: TURN })
  const publish = (count) => redis.lpush('bench', ...Array.from({ length: count }, envelope))
  let isWorking = false

  async function lane(on) {
    let tags = []
    let stored = []
    while (isWorking) {
      const ended = tags.length
      const raws = await redis.turn(
        'unacked_index',
        'unacked',
        'bench',
        Date.now() / 1000,
        concurrency,
        ended,
        ...tags,
        ...stored,
      )
      const doneAt = new Date().toISOString()
      tags = raws.map(tagIn)
      stored = results ? raws.flatMap((raw) => run(raw, doneAt)) : []
      for (const _ of raws) on()
      if (raws.length === 0 && ended === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const run = (raw, doneAt) => {
    const id = idIn(raw)
    return [id, metaOf(id, doneAt)]
  }

  return {
    publish,
    one: () => publish(1),
    async work(on) {
      isWorking = true
      await Promise.all(Array.from({ length: TURNS }, () => lane(on)))
    },
    async close() {
      isWorking = false
      redis.disconnect()
    },
  }
}
