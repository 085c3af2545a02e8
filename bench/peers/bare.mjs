// The same commands with the same bytes through the same client library, and nothing else: no tasks, no leases kept, no decisions.
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'

export const name = 'Bare driver'
export const concurrency = 100

const CLAIM = `
local claimed, index, held = {}, {}, {}
for i = 1, tonumber(ARGV[2]) do
  local raw = redis.call('RPOP', KEYS[3])
  if not raw then break end
  local tag = string.match(raw, '"delivery_tag":"([^"]+)"}}$')
  claimed[i] = raw
  index[#index + 1] = ARGV[1]; index[#index + 1] = tag
  held[#held + 1] = tag; held[#held + 1] = '[' .. raw .. ',"","bench"]'
end
if #claimed > 0 then
  redis.call('ZADD', KEYS[1], unpack(index))
  redis.call('HSET', KEYS[2], unpack(held))
end
return claimed`
const ACK = `
redis.call('ZREM', KEYS[1], unpack(ARGV))
redis.call('HDEL', KEYS[2], unpack(ARGV))`

export async function open({ url, results }) {
  const redis = new Redis(url)
  redis.defineCommand('claim', { numberOfKeys: 3, lua: CLAIM })
  redis.defineCommand('ack', { numberOfKeys: 2, lua: ACK })
  const publish = (count) => redis.lpush('bench', ...Array.from({ length: count }, envelope))
  let isWorking = false
  return {
    publish,
    one: () => publish(1),
    async work(on) {
      isWorking = true
      while (isWorking) {
        const raws = await redis.claim('unacked_index', 'unacked', 'bench', Date.now() / 1000, concurrency)
        if (raws.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
        else settle(raws.map((raw) => run(raw, on)))
      }
    },
    async close() {
      isWorking = false
      redis.disconnect()
    },
  }

  function settle(ended) {
    for (const { id, value } of results ? ended : []) {
      const key = `celery-task-meta-${id}`
      const meta = JSON.stringify({
        status: 'SUCCESS',
        result: value,
        traceback: null,
        children: [],
        date_done: new Date().toISOString(),
        task_id: id,
      })
      redis.setex(key, 86_400, meta)
      redis.publish(key, meta)
    }
    redis.ack('unacked_index', 'unacked', ...ended.map(({ tag }) => tag))
  }
}

function run(raw, on) {
  const { body, headers, properties } = JSON.parse(raw)
  const [[x, y]] = JSON.parse(Buffer.from(body, 'base64').toString())
  on()
  return { id: headers.id, tag: properties.delivery_tag, value: x + y }
}

function envelope() {
  const id = randomUUID()
  const body = Buffer.from(
    '[[1,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
  ).toString('base64')
  const headers = JSON.stringify({
    lang: 'js',
    task: 'bench.noop',
    id,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: id,
    parent_id: null,
    argsrepr: '(1, 2)',
    kwargsrepr: '{}',
    origin: 'gen1@bench',
    ignore_result: true,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  })
  return `{"body":"${body}","content-encoding":"utf-8","content-type":"application/json","headers":${headers},"properties":{"correlation_id":"${id}","reply_to":null,"delivery_mode":2,"delivery_info":{"exchange":"","routing_key":"bench"},"priority":0,"body_encoding":"base64","delivery_tag":"${randomUUID()}"}}`
}
