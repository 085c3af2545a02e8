import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently, taskMessage } from '../redis/fleet.js'
import { type RabbitCluster, type RabbitServer, startRabbitCluster } from '../servers.js'

vi.setConfig({ testTimeout: 240_000 })
const WITHIN = { timeout: 120_000, interval: 50 }
const SETTINGS = { taskDefaultQueueType: 'quorum', brokerConnectionTimeout: 2 } as const
const TASKS = 500

let cluster: RabbitCluster
let producer: Broker
const workers: CountingWorker[] = []

beforeAll(async () => {
  cluster = await startRabbitCluster()
}, 300_000)
afterAll(() => cluster?.[Symbol.asyncDispose]())
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await producer?.close()
})

/** The longest time in which no task ran, in ms, while there were some. */
interface Gaps {
  longestMs: number
  lastMs: number
}

/** A producer and two workers, each on another node at first. */
async function startFleet(queue: string): Promise<Gaps> {
  const gaps: Gaps = { longestMs: 0, lastMs: Date.now() }
  producer = await openBroker(cluster.url(0), driverOptions(SETTINGS))
  for (const first of [1, 2]) {
    const url = cluster.url(first)
    const run = async (): Promise<void> => {
      gaps.longestMs = Math.max(gaps.longestMs, Date.now() - gaps.lastMs)
      gaps.lastMs = Date.now()
    }
    workers.push(await CountingWorker.start(url, { settings: SETTINGS, queues: [queue], slots: 20, run }))
  }
  return gaps
}

/** Publishes until it is told to stop; then resolves to how many there were. */
function publishOn(queue: string): () => Promise<number> {
  let isOver = false
  let count = 0
  const done = (async () => {
    for (; !isOver; count += 20) {
      const ids = idsOf(20).map((_, n) => `${queue}-${count + n}`)
      await publishPatiently(producer, ids, queue)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return count
  })()
  return () => {
    isOver = true
    return done
  }
}

const ran = (): number => new Set(workers.flatMap((worker) => [...worker.runs.keys()])).size
const twice = (): number =>
  workers.reduce((sum, { runs }) => sum + [...runs.values()].reduce((all, one) => all + one, 0), 0) - ran()

/** Who leads a quorum queue. */
async function leaderOf(queue: string, except?: RabbitServer): Promise<RabbitServer> {
  for (const node of cluster.nodes) {
    if (!node.running || node === except) continue
    const lines = (await node.ctl('list_queues', 'name', 'leader')).split('\n')
    const [, leader] = lines.map((line) => line.split(/\s+/)).find(([name]) => name === queue) ?? []
    const found = cluster.nodes.find(({ nodeName }) => nodeName === leader)
    if (found) return found
  }
  throw new Error(`nobody leads ${queue}`)
}

describe('three nodes of RabbitMQ with quorum queues', () => {
  it('take what a producer publishes whose own node led the queue and was killed, while that is down', async () => {
    const queue = 'led-by-mine'
    producer = await openBroker(cluster.url(0), driverOptions(SETTINGS))
    await publishPatiently(producer, ['before'], queue)
    const [mine, other] = cluster.nodes
    if (!mine || !other) throw new Error('unreachable')
    expect(await leaderOf(queue)).toBe(mine)
    await mine.kill()
    // At once: its first message on the other node comes before the queue has another leader, which that channel never gets over.
    const isDone = publishPatiently(producer, ['after'], queue).then(() => true)
    const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 60_000).unref())
    expect(await Promise.race([isDone, late])).toBe(true)
    expect(mine.running).toBe(false)
    await producer.publish([taskMessage(queue, 'last')])
    await vi.waitFor(
      async () => expect((await producer.depths([queue])).get(queue)?.ready).toBeGreaterThanOrEqual(3),
      WITHIN,
    )
    await mine.start()
    await vi.waitFor(async () => expect(await cluster.seenBy(other)).toBe(3), WITHIN)
  })

  it.each([
    [
      'is killed',
      {
        part: (node: RabbitServer) => node.kill(),
        heal: (node: RabbitServer) => node.start(),
        seen: 2,
      },
    ],
    [
      'is cut off from the others',
      {
        part: (node: RabbitServer) => cluster.partition(node),
        heal: (node: RabbitServer) => cluster.heal(node),
        seen: 2,
      },
    ],
    [
      'is moved for maintenance of its node',
      {
        // What `rabbitmq-upgrade drain` does: leaders move to other nodes, and clients are sent away.
        part: (node: RabbitServer) => node.eval('rabbit_maintenance:drain().'),
        heal: (node: RabbitServer) => node.eval('rabbit_maintenance:revive().'),
        seen: 3,
      },
    ],
  ])(
    'lose nothing when the leader of a queue %s under load, and when it is back',
    async (how, { part, heal, seen }) => {
      const queue = how.replaceAll(' ', '-')
      const gaps = await startFleet(queue)
      const stop = publishOn(queue)
      const more = async (): Promise<void> => {
        const wanted = ran() + TASKS
        await vi.waitFor(() => expect(ran()).toBeGreaterThan(wanted), WITHIN)
      }
      await more()
      const leader = await leaderOf(queue)
      const other = cluster.nodes.find((node) => node !== leader)
      if (!other) throw new Error('unreachable')
      gaps.longestMs = 0
      await part(leader)
      await vi.waitFor(async () => expect(await cluster.seenBy(other)).toBe(seen), WITHIN)
      await vi.waitFor(async () => expect(await leaderOf(queue, leader)).not.toBe(leader), WITHIN)
      await more()
      const gapMs = gaps.longestMs
      await heal(leader)
      await vi.waitFor(async () => expect(await cluster.seenBy(other)).toBe(3), WITHIN)
      await more()
      const count = await stop()
      await vi.waitFor(() => expect(ran()).toBe(count), WITHIN)
      await vi.waitFor(async () => expect((await producer.depths([queue])).get(queue)?.ready).toBe(0), WITHIN)
      console.log(
        `the leader ${how}: ${gapMs} ms without a run, then ${gaps.longestMs} ms; of ${count} tasks ${twice()} ran twice`,
      )
    },
  )
})
