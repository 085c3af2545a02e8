import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { CountingWorker, idOf } from './fleet.js'

/** What a worker process of the tests is told, as JSON in its environment. */
export interface WorkerProgram {
  readonly url: string
  readonly leaseMs: number
  readonly slots: number
  /** How long a task waits, on average, before it is acknowledged. */
  readonly taskMs?: number
  /** Tasks whose id begins with `block` keep the event loop busy for this long. */
  readonly blockMs?: number
  readonly maxBlockMs?: number
}

// A worker in a process of its own, to be killed: counts each run in the hash `runs`, then acknowledges it.
const program: WorkerProgram = JSON.parse(process.env.WORKER_PROGRAM ?? '{}')
const client = new Redis(program.url)
await CountingWorker.start(program.url, {
  leaseMs: program.leaseMs,
  slots: program.slots,
  ...(program.maxBlockMs === undefined ? {} : { maxBlockMs: program.maxBlockMs }),
  async run(delivery) {
    const id = idOf(delivery)
    await client.hincrby('runs', id, 1)
    if (program.taskMs) await setTimeout(Math.random() * 2 * program.taskMs)
    if (!id.startsWith('block')) return
    const endMs = Date.now() + (program.blockMs ?? 0)
    while (Date.now() < endMs);
  },
})
process.stdout.write('working\n')
