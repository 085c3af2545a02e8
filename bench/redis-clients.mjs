// node bench/redis-clients.mjs [--rounds 3] [--count 200000]: the two client libraries at what the driver asks of them, side by side
// on a private Redis: publishing in big LPUSHes, and the round trips of claims and settlements. `npm ci --prefix bench` first.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, count: { type: 'string', default: '200000' } },
})
const rounds = Number(values.rounds)
const count = Number(values.count)

/** As many messages as the driver puts into one LPUSH, and as it claims and settles at once. */
const PER_COMMAND = 45
const BATCH = 50

const folder = mkdtempSync(join(tmpdir(), 'lovage-clients-'))
const port = await freePort()
const server = spawn(
  'redis-server',
  ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
  { stdio: 'ignore' },
)

const ioredis = new Redis({
  port,
  host: '127.0.0.1',
  protocol: 2,
  disableClientInfo: true,
  retryStrategy: () => 20,
  maxRetriesPerRequest: null,
})
const auto = new Redis({
  port,
  host: '127.0.0.1',
  protocol: 2,
  disableClientInfo: true,
  enableAutoPipelining: true,
  lazyConnect: true,
})
// The server is not up yet.
ioredis.on('error', () => {})
await ioredis.ping()
await auto.connect()
const nodeRedis = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 2 })
nodeRedis.on('error', () => {})
await nodeRedis.connect()

const clients = {
  ioredis: (words) => ioredis.call(...words),
  'ioredis, auto-pipelining': (words) => auto.call(...words),
  'node-redis': (words) => nodeRedis.sendCommand(words),
}

const message = () => {
  const id = randomUUID()
  return `{"body":"W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjogbnVsbH1d","content-encoding":"utf-8","content-type":"application/json","headers":{"lang":"js","task":"bench.noop","id":"${id}","shadow":null,"eta":null,"expires":null,"group":null,"group_index":null,"retries":0,"timelimit":[null,null],"root_id":"${id}","parent_id":null,"argsrepr":"(1, 2)","kwargsrepr":"{}","origin":"gen1@host","ignore_result":false,"replaced_task_nesting":0,"stamped_headers":null,"stamps":{}},"properties":{"correlation_id":"${id}","reply_to":null,"delivery_mode":2,"delivery_info":{"exchange":"","routing_key":"celery"},"priority":0,"body_encoding":"base64","delivery_tag":"${randomUUID()}"}}`
}
const messages = Array.from({ length: PER_COMMAND }, message)
const tags = Array.from({ length: BATCH }, () => randomUUID())
const script = `local reply = {} for i = 1, ${BATCH} do reply[i] = ARGV[1] end return reply`
const sha = await ioredis.script('LOAD', script)

const scenarios = {
  // A turn of the event loop with a thousand calls: 22 commands at once.
  async publish(send) {
    for (let sent = 0; sent < count; ) {
      const commands = []
      for (; commands.length < 22 && sent < count; sent += PER_COMMAND)
        commands.push(send(['LPUSH', 'list', ...messages]))
      await Promise.all(commands)
      await send(['DEL', 'list'])
    }
    return count
  },
  // An acknowledgement with many short arguments and a claim with many long replies, two such batches on their way.
  async 'settle and claim'(send) {
    const turns = Math.ceil(count / BATCH / 2)
    const stream = async () => {
      for (let turn = 0; turn < turns; turn++) {
        const [, reply] = await Promise.all([
          send(['HMGET', 'held', ...tags]),
          send(['EVALSHA', sha, '0', messages[0]]),
        ])
        if (reply.length !== BATCH) throw new Error('a reply is incomplete')
      }
    }
    await Promise.all([stream(), stream()])
    return turns * BATCH * 2
  },
  // One small command after the other: what the library adds to an idle round trip.
  async 'round trip'(send) {
    const turns = Math.ceil(count / 20)
    for (let turn = 0; turn < turns; turn++) await send(['PING'])
    return turns
  },
}

const rows = []
for (const [scenario, run] of Object.entries(scenarios)) {
  for (const send of Object.values(clients)) await run(send)
  for (let round = 0; round < rounds; round++) {
    for (const [client, send] of Object.entries(clients)) {
      const before = process.cpuUsage()
      const startMs = performance.now()
      const done = await run(send)
      const ms = performance.now() - startMs
      const { user, system } = process.cpuUsage(before)
      rows.push({ scenario, client, perSecond: (done / ms) * 1000, cpuUs: (user + system) / done })
    }
  }
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
console.log('| | client | per second | CPU µs each |\n|---|---|---:|---:|')
for (const scenario of Object.keys(scenarios)) {
  for (const client of Object.keys(clients)) {
    const mine = rows.filter((row) => row.scenario === scenario && row.client === client)
    const perSecond = Math.round(median(mine.map((row) => row.perSecond)))
    console.log(
      `| ${scenario} | ${client} | ${perSecond.toLocaleString('en')} | ${median(mine.map((row) => row.cpuUs)).toFixed(2)} |`,
    )
  }
}
ioredis.disconnect()
auto.disconnect()
nodeRedis.destroy()
server.kill()
rmSync(folder, { recursive: true, force: true })

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
