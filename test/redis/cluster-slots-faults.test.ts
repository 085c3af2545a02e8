import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import type { Lovage } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { QueueDepth } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { isLovageError } from '../../packages/lovage/src/kernel/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { type RedisCluster, startCluster } from '../servers.js'
import { CountingWorker, driverOptions, idsOf, taskMessage } from './fleet.js'

const LAYOUT = { brokerTransportOptions: { cluster: 'slot-per-queue' } }
/** Of slots of all three servers. */
const QUEUES = ['mail', 'images', 'billing', 'reports', 'search', 'audit']
const EACH = 300
const PATIENCE = { timeoutMs: 120_000 }
/** A frozen server is given up after this long, and what was sent to it is sent again for fifteen seconds. */
const SILENCE_S = 2
const BOUND_MS = 40_000
const keyOf = (queue: string): string => `{lovage:${queue}}:`

let cluster: RedisCluster

/** Every server takes commands for the slots that are served, whatever is missing. */
async function serveWhatIsThere(): Promise<void> {
  for (const { url } of cluster.servers) {
    const client = new Redis(url)
    await client.config('SET', 'cluster-require-full-coverage', 'no')
    client.disconnect()
  }
}

/** Publishes, freezes the server of a key under load, and looks at what goes on. `melts` ends what the freezing began. */
async function freeze(key: string, melts: 'before the rest' | 'after a fail-over'): Promise<void> {
  const settings = { ...LAYOUT, redisSocketTimeout: SILENCE_S, brokerConnectionTimeout: 1 }
  const producer = await openBroker(cluster.url(), driverOptions(settings))
  const victim = await cluster.ownerOf(key)
  const areFrozen = new Map<string, boolean>()
  for (const queue of QUEUES) areFrozen.set(queue, (await cluster.ownerOf(keyOf(queue))) === victim)
  const [frozen, others] = [true, false].map((is) => QUEUES.filter((queue) => areFrozen.get(queue) === is))
  if (!frozen?.length || !others?.length) throw new Error('the queues are not spread')
  const publish = (queues: readonly string[], what: string): Promise<void> =>
    producer.publish(
      queues.flatMap((queue) => idsOf(EACH).map((id) => taskMessage(queue, `${queue}-${what}-${id}`))),
    )
  const worker = await CountingWorker.start(cluster.url(), {
    queues: QUEUES,
    settings,
    leaseMs: 10_000,
    slots: 20,
    run: () => new Promise((resolve) => setTimeout(resolve, 5)),
  })
  const ranOf = (queues: readonly string[]): number =>
    [...worker.runs.keys()].filter((id) => queues.some((queue) => id.startsWith(`${queue}-`))).length
  try {
    await publish(QUEUES, 'first')
    for (const server of cluster.servers.slice(0, 3)) {
      if (melts === 'before the rest') break
      const client = new Redis(server.url)
      // Replication is asynchronous: only from here on is it sure that the replicas have all that was sent.
      expect(await client.wait(1, 60_000)).toBe(1)
      client.disconnect()
    }
    await until(() => worker.runs.size > EACH / 2, PATIENCE)
    victim.pause()
    const began = performance.now()
    const refusal = producer.publish([taskMessage(frozen[0] ?? '', 'uncertain')]).catch((error) => error)
    await publish(others, 'second')
    await until(() => ranOf(others) === 2 * EACH * others.length, PATIENCE)
    const answer: unknown = await refusal
    expect(performance.now() - began).toBeLessThan(BOUND_MS)
    if (melts === 'before the rest') {
      expect(answer).toSatisfy(
        (error) => isLovageError(error) && /^LVG_(PUBLISH_UNCERTAIN|CONNECTION_FAILED)$/.test(error.code),
      )
      expect(ranOf(frozen)).toBeLessThan(EACH * frozen.length)
      victim.resume()
      await cluster.ready()
    }
    await until(() => ranOf(frozen) === EACH * frozen.length, PATIENCE)
    if (melts === 'after a fail-over') {
      victim.resume()
      await until(async () => (await cluster.ownerOf(key)) !== victim, PATIENCE)
      await cluster.ready()
    }
    await until(async () => {
      const depths = await producer.depths(QUEUES, { unacked: true })
      return [...depths.values()].every(isEmpty)
    }, PATIENCE)
    // One outage of some slots, told once, whatever its length.
    expect(worker.errors).toHaveLength(1)
  } finally {
    victim.resume()
    await worker.close()
    await producer.close()
  }
}

const isEmpty = ({ ready, delayed, unacked }: QueueDepth): boolean =>
  ready + (delayed ?? 0) + (unacked ?? 0) === 0

describe('a server that freezes', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    cluster = await startCluster()
    await serveWhatIsThere()
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  it('holds up only its own queues, and calls to it end', () => freeze(keyOf('mail'), 'before the rest'))

  it('does so when it has the bindings and the listeners', () => freeze(keyOf(''), 'before the rest'))
})

describe('a server that freezes and has a replica', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    cluster = await startCluster({ replicas: true })
    await serveWhatIsThere()
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  it('is replaced, and loses nothing when it is back', () => freeze(keyOf('mail'), 'after a fail-over'))
})

describe('a retry into its own queue', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    cluster = await startCluster()
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', {
  broker: process.env.CLUSTER, brokerLease: 2, taskDefaultQueue: 'mail', backend: 'disabled://',
  brokerTransportOptions: { cluster: 'slot-per-queue' },
})
app.task({
  name: 'flaky',
  run: (ctx) => {
    appendFileSync(new URL('./runs.txt', import.meta.url), ctx.retries + '\\n')
    if (ctx.retries === 0) throw ctx.retry({ countdown: Number(process.env.COUNTDOWN) })
  },
})`
  const work = (cwd: string, env: Record<string, string>): Command =>
    new Command(['-A', 'app', 'worker', '-c', '1'], { cwd, env: { CLUSTER: cluster.url(), ...env } })

  it.each([
    ['before it was settled', 'settle:after-continuation', 0, ['0', '0', '1']],
    ['after it was settled', 'settle:after-ack', 0, ['0', '1']],
    ['before a delay was stored', 'settle:after-continuation', 1, ['0', '0', '1']],
    ['after a delay was stored', 'settle:after-ack', 1, ['0', '1']],
  ])('is one step with the ack: a worker that dies %s', async (_, point, countdown, runs) => {
    using project = makeProject({ 'package.json': '{"type":"module"}', 'app.ts': APP })
    await using app: Lovage = createTestApp('shop', {
      broker: cluster.url(),
      taskDefaultQueue: 'mail',
      ...LAYOUT,
    })
    const broker = await coreOf(app).broker()
    const depth = async (): Promise<QueueDepth> => {
      const depths = await broker.depths(['mail'], { unacked: true })
      return depths.get('mail') ?? { ready: 0 }
    }
    await broker.purge('mail')
    await app.sendTask('flaky')
    const env = { COUNTDOWN: String(countdown) }
    await using dies = work(project.folder, { ...env, LOVAGE_CRASH_POINT: point })
    await dies.exited
    // The task or its retry, never both: a worker claims the next one with the settlement.
    const { ready, delayed = 0, unacked = 0 } = await depth()
    expect(ready + delayed + unacked).toBe(1)
    await using lives = work(project.folder, env)
    const ran = (): string[] => readFileSync(project.path('runs.txt'), 'utf8').trim().split('\n')
    await until(() => ran().length >= runs.length, PATIENCE)
    await until(async () => isEmpty(await depth()), PATIENCE)
    expect(ran()).toEqual(runs)
    lives.signal('SIGTERM')
    await lives.exited
  })
})
