// A worker in a process of its own, to be killed: counts each run in the hash `runs`, then acknowledges it. WORKER_PROGRAM tells it what to
// do, as JSON: see kill.test.ts.
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { openBroker } from '../../packages/lovage/dist/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/dist/kernel/index.js'

const {
  url,
  leaseMs,
  slots,
  taskMs,
  blockMs = 0,
  maxBlockMs,
} = JSON.parse(process.env.WORKER_PROGRAM ?? '{}')
const options = { settings: {}, clock: systemClock, logger: silentLogger }
const client = new Redis(url)
const broker = await openBroker(url, options)
let held = 0

async function work({ message, tag }) {
  const id = String(message.headers.id)
  await client.hincrby('runs', id, 1)
  if (taskMs) await setTimeout(Math.random() * 2 * taskMs)
  if (id.startsWith('block')) for (const endMs = Date.now() + blockMs; Date.now() < endMs; );
  await consumer.settle([{ tag, kind: 'ack' }])
  held--
  consumer.demand()
}

const consumer = await broker.consume({
  queues: ['q'],
  holder: `test-${newId()}`,
  leaseMs,
  visibilityTimeoutMs: 3_600_000,
  ...(maxBlockMs === undefined ? {} : { maxBlockMs }),
  free: () => slots - held,
  onDeliveries(deliveries) {
    held += deliveries.length
    for (const delivery of deliveries) void work(delivery)
  },
  onLost: () => {},
  onError: (error) => process.stderr.write(`${error}\n`),
  ...options,
})
process.stdout.write('working\n')
