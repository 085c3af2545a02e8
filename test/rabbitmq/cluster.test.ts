import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently } from '../redis/fleet.js'
import { type RabbitCluster, startRabbitCluster } from '../servers.js'

vi.setConfig({ testTimeout: 240_000 })
const WITHIN = { timeout: 120_000, interval: 50 }
const SETTINGS = { taskDefaultQueueType: 'quorum', brokerConnectionTimeout: 2 } as const
const TASKS = 2_000

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

const ran = (): number => new Set(workers.flatMap((worker) => [...worker.runs.keys()])).size
const twice = (): number =>
  workers.reduce((sum, { runs }) => sum + [...runs.values()].reduce((all, one) => all + one, 0), 0) - ran()

/** Who leads a quorum queue. */
async function leaderOf(queue: string) {
  for (const node of cluster.nodes) {
    if (!node.running) continue
    const lines = (await node.ctl('list_queues', 'name', 'leader')).split('\n')
    const [, leader] = lines.map((line) => line.split(/\s+/)).find(([name]) => name === queue) ?? []
    const found = cluster.nodes.find(({ nodeName }) => nodeName === leader)
    if (found) return found
  }
  throw new Error(`nobody leads ${queue}`)
}

describe('three nodes of RabbitMQ with quorum queues', () => {
  it('lose nothing when the leader is killed under load, and goes on when it is back', async () => {
    const queue = 'killed'
    const gaps = await startFleet(queue)
    const published = publishPatiently(producer, idsOf(TASKS), queue)
    await vi.waitFor(() => expect(ran()).toBeGreaterThan(TASKS / 4), WITHIN)
    const leader = await leaderOf(queue)
    await leader.kill()
    await published
    await vi.waitFor(() => expect(ran()).toBe(TASKS), WITHIN)
    console.log(`a leader killed: ${gaps.longestMs} ms without a run, ${twice()} of ${TASKS} ran twice`)
    expect(await leaderOf(queue)).not.toBe(leader)
    await leader.start()
    await publishPatiently(producer, ['after'], queue)
    await vi.waitFor(() => expect(ran()).toBe(TASKS + 1), WITHIN)
    await vi.waitFor(async () => expect((await producer.depths([queue])).get(queue)?.ready).toBe(0), WITHIN)
  })

  it('lose nothing when a node is cut off from the others under load, and the partition heals', async () => {
    const queue = 'parted'
    const gaps = await startFleet(queue)
    const published = publishPatiently(producer, idsOf(TASKS), queue)
    await vi.waitFor(() => expect(ran()).toBeGreaterThan(TASKS / 4), WITHIN)
    const leader = await leaderOf(queue)
    await cluster.partition(leader)
    await published
    await vi.waitFor(() => expect(ran()).toBe(TASKS), WITHIN)
    console.log(`a leader cut off: ${gaps.longestMs} ms without a run, ${twice()} of ${TASKS} ran twice`)
    await cluster.heal(leader)
    await vi.waitFor(async () => {
      const status = await leader.ctl('eval', 'length(rabbit_nodes:list_running()).')
      expect(Number(status)).toBe(3)
    }, WITHIN)
    await publishPatiently(producer, ['after'], queue)
    await vi.waitFor(() => expect(ran()).toBe(TASKS + 1), WITHIN)
  })
})
