import { Redis } from 'ioredis'
import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { parseRedisUrl } from '../../packages/lovage/src/drivers/redis/client/index.js'
import { keySlot } from '../../packages/lovage/src/drivers/redis/client/key-slot.js'
import { silent } from '../every-store.js'
import { type RedisCluster, type RedisServer, startCluster } from '../servers.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently, taskMessage } from './fleet.js'

const settings = { brokerTransportOptions: { cluster: 'slot-per-queue' } }
const TASKS = 10_000
const PATIENCE = { timeoutMs: 150_000 }
/** Of slots of all three servers. */
const QUEUES = ['mail', 'images', 'billing', 'reports', 'search', 'audit']
const keyOf = (queue: string): string => `{lovage:${queue}}:`

let cluster: RedisCluster
let producer: Broker
const workers: CountingWorker[] = []
const startWorker = async (
  over: Parameters<typeof CountingWorker.start>[1] = {},
): Promise<CountingWorker> => {
  const worker = await CountingWorker.start(cluster.url(), { queues: QUEUES, settings, ...over })
  workers.push(worker)
  return worker
}
const ran = (): Set<string> => new Set(workers.flatMap(({ runs }) => [...runs.keys()]))

const withProducer = (): void => {
  beforeEach(async () => {
    producer = await openBroker(cluster.url(), driverOptions(settings))
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()))
    await Promise.all(['q', ...QUEUES].map((queue) => producer.purge(queue)))
    await producer.close()
  })
}

/** Every server knows who serves the slot. */
const isServed = async (slot: number): Promise<boolean> => {
  const known = await Promise.all(
    cluster.servers.map(async ({ url }) => {
      const client = new Redis(url)
      const ranges = await client.cluster('SLOTS')
      client.disconnect()
      return ranges.some(([first, last]) => first <= slot && slot <= last)
    }),
  )
  return known.every(Boolean)
}

/** Nothing is waiting, delayed or held. */
const isEmpty = async (queues = QUEUES): Promise<boolean> => {
  const depths = await producer.depths(queues, { unacked: true })
  return [...depths.values()].every(
    ({ ready, delayed, unacked }) => ready + (delayed ?? 0) + (unacked ?? 0) === 0,
  )
}

describe('with a slot per queue', { timeout: 400_000 }, () => {
  withProducer()
  beforeAll(async () => {
    cluster = await startCluster()
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  it('queues are spread over the servers, and all keys of one are in one slot', async () => {
    const owners = new Set<RedisServer>()
    for (const queue of QUEUES) owners.add(await cluster.ownerOf(keyOf(queue)))
    expect(owners.size).toBe(3)
    const worker = await startWorker({ acks: false })
    await producer.publish(QUEUES.map((queue) => taskMessage(queue, queue, { dueMs: Date.now() + 60_000 })))
    await producer.publish(QUEUES.map((queue) => taskMessage(queue, `now-${queue}`)))
    await until(() => worker.deliveries.length === QUEUES.length, PATIENCE)
    const found: string[] = []
    for (const server of cluster.servers) {
      const client = new Redis(server.url)
      found.push(...(await client.keys('*')))
      for (const key of await client.keys('*'))
        expect(keySlot(key)).toBe(await client.cluster('KEYSLOT', key))
      client.disconnect()
    }
    for (const queue of QUEUES) {
      expect(found).toContain(`${keyOf(queue)}unacked`)
      expect(found).toContain(`${keyOf(queue)}lovage:delayed:${queue}`)
    }
    expect(found.filter((key) => !/^\{lovage:[a-z]*\}:/.test(key))).toEqual([])
    await worker.consumer.settle(worker.deliveries.map(({ tag }) => ({ kind: 'ack', tag })))
  })

  it('a slot that is moved key by key while ten thousand tasks run loses none', async () => {
    const ids = idsOf(TASKS)
    const from = await cluster.ownerOf(keyOf('q'))
    const to = cluster.servers.find((server) => server !== from)
    if (!to) throw new Error('there are three')
    await publishPatiently(producer, ids.slice(0, TASKS / 2))
    // While keys are on the way, leases cannot be renewed.
    const over = {
      leaseMs: 30_000,
      run: (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5)),
    }
    await startWorker({ ...over, queues: ['q', 'mail'] })
    await startWorker({ ...over, queues: ['mail', 'q'] })
    const publishing = publishPatiently(producer, ids.slice(TASKS / 2))
    await until(() => ran().size > TASKS / 10, PATIENCE)
    await cluster.moveSlot(keyOf('q'), to)
    expect(await cluster.ownerOf(keyOf('q'))).toBe(to)
    await until(() => ran().size > TASKS / 2, PATIENCE)
    await cluster.moveSlot(keyOf('q'), from)
    await publishing
    await until(() => ran().size === TASKS, PATIENCE)
    await until(() => isEmpty(['q']), PATIENCE)
    expect(workers.flatMap(({ errors }) => errors)).toEqual([])
    // Resharding repeats nothing either.
    expect(workers.reduce((sum, { runs }) => sum + [...runs.values()].reduce((a, b) => a + b, 0), 0)).toBe(
      TASKS,
    )
  })

  it('a slot that nobody serves gives one clear error, and what is there comes when it is served again', async () => {
    const clients = cluster.servers.map(({ url }) => new Redis(url))
    const owner = new Redis((await cluster.ownerOf(keyOf('q'))).url)
    const slot = keySlot(keyOf('q'))
    try {
      for (const client of clients) await client.config('SET', 'cluster-require-full-coverage', 'no')
      await producer.publish([taskMessage('q', 'before')])
      for (const client of [owner, ...clients]) await client.call('CLUSTER', 'DELSLOTS', slot).catch(() => {})
      const both = [taskMessage('q', 'lost'), taskMessage('mail', 'kept')]
      await expect(producer.publish(both)).rejects.toMatchObject({
        code: 'LVG_CONNECTION_FAILED',
        message: expect.stringMatching(/CLUSTERDOWN|no node serves slot/),
        details: { ids: ['lost'] },
      })
      const fresh = await openBroker(cluster.url(), driverOptions(settings))
      await expect(fresh.publish([taskMessage('q', 'x')])).rejects.toMatchObject({
        code: 'LVG_CONNECTION_FAILED',
        message: expect.stringMatching(/CLUSTERDOWN|no node serves slot/),
      })
      await fresh.close()
      await owner.call('CLUSTER', 'ADDSLOTS', slot)
      await until(() => isServed(slot), PATIENCE)
      // The repetition of the call sends only what was not accepted.
      await producer.publish(both)
      await startWorker({ queues: ['q', 'mail'] })
      await until(() => ran().size === 3, PATIENCE)
      expect([...ran()].sort()).toEqual(['before', 'kept', 'lost'])
      expect(workers[0]?.runs.get('kept')).toBe(1)
    } finally {
      for (const client of clients) client.disconnect()
      owner.disconnect()
    }
  })

  it('its check names each server that is not set up well, and the slots that nobody serves', async () => {
    const clients = cluster.servers.map(({ url }) => new Redis(url))
    const [first, second, third] = cluster.servers.map(({ port }) => `127.0.0.1:${port}`)
    const owner = new Redis((await cluster.ownerOf(keyOf('q'))).url)
    const slot = keySlot(keyOf('q'))
    const frozen = cluster.servers[2]
    try {
      expect(await producer.check()).toEqual([
        expect.stringMatching(/^In production: Nodes .*, .*, .*: Redis keeps no append-only file/),
        expect.stringMatching(/^In production: Nodes .*, .*, .*: Redis has no replica/),
      ])
      for (const client of clients) await client.config('SET', 'cluster-require-full-coverage', 'no')
      await clients[0]?.config('SET', 'maxmemory-policy', 'allkeys-lru')
      await clients[1]?.config('SET', 'appendonly', 'yes')
      for (const client of [owner, ...clients]) await client.call('CLUSTER', 'DELSLOTS', slot).catch(() => {})
      frozen?.pause()
      const advice = await producer.check()
      frozen?.resume()
      expect(advice[0]).toContain(`no node for slots ${slot}, and`)
      expect(advice).toContainEqual(
        expect.stringContaining(`Node ${first}: Redis may evict queues when its memory is full`),
      )
      expect(advice).toContainEqual(expect.stringContaining(`Node ${first}: Redis keeps no append-only file`))
      expect(advice).toContainEqual(expect.stringContaining(`Node ${third}: Redis does not answer`))
      expect(advice).toContainEqual(
        expect.stringContaining(`Nodes ${[first, second].sort().join(', ')}: Redis has no replica`),
      )
    } finally {
      frozen?.resume()
      await clients[0]?.config('SET', 'maxmemory-policy', 'noeviction')
      await clients[1]?.config('SET', 'appendonly', 'no')
      await owner.call('CLUSTER', 'ADDSLOTS', slot)
      await until(() => isServed(slot), PATIENCE)
      await cluster.ready()
      for (const client of [owner, ...clients]) client.disconnect()
    }
  })

  it('a worker that loses one slot goes on with the others, says so once, and comes back by itself', async () => {
    const owner = new Redis((await cluster.ownerOf(keyOf('q'))).url)
    const clients = cluster.servers.map(({ url }) => new Redis(url))
    const slot = keySlot(keyOf('q'))
    try {
      for (const client of clients) await client.config('SET', 'cluster-require-full-coverage', 'no')
      let recovered = 0
      const worker = await startWorker({ queues: ['q', 'mail'], onRecovered: () => recovered++ })
      await producer.publish([taskMessage('q', 'a')])
      await until(() => worker.runs.size === 1, PATIENCE)
      for (const client of [owner, ...clients]) await client.call('CLUSTER', 'DELSLOTS', slot).catch(() => {})
      await until(() => worker.errors.length === 1, PATIENCE)
      expect(worker.errors[0]).toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
      await producer.publish(idsOf(100).map((id) => taskMessage('mail', id)))
      await until(() => worker.runs.size === 101, PATIENCE)
      await owner.call('CLUSTER', 'ADDSLOTS', slot)
      await until(() => isServed(slot), PATIENCE)
      await until(() => recovered === 1, PATIENCE)
      await publishPatiently(producer, ['b'])
      await until(() => worker.runs.has('b'), PATIENCE)
      expect(worker.errors.length).toBe(1)
    } finally {
      for (const client of clients) client.disconnect()
      owner.disconnect()
    }
  })

  it('a worker of many queues takes from all of them, the first ones first', async () => {
    const worker = await startWorker({ slots: 4, acks: false })
    for (const queue of QUEUES)
      await producer.publish(idsOf(50).map((id) => taskMessage(queue, `${queue}-${id}`)))
    await until(() => worker.deliveries.length === 4, PATIENCE)
    await worker.consumer.settle(
      worker.deliveries.map(({ tag }) => ({ kind: 'requeue', tag, counts: false })),
    )
    await worker.close()
    const all = await startWorker({ slots: 20 })
    await until(() => all.runs.size === 300, PATIENCE)
    const order = all.deliveries.map(({ queue }) => QUEUES.indexOf(queue))
    // The last message of the first queue comes before the bulk of the last one.
    expect(order.lastIndexOf(0)).toBeLessThan(order.length - 40)
  })

  it('an app sends, retries, chains and counts chords over it', async () => {
    await using app = new Lovage('shop', { broker: cluster.url(), env: {}, logger: silent, ...settings })
    const add = app.task({ name: 'add', queue: 'mail', run: (_ctx, a: number, b: number) => a + b })
    const sum = app.task({
      name: 'sum',
      queue: 'images',
      run: (_ctx, all: number[]) => all.reduce((a, b) => a + b, 0),
    })
    let tries = 0
    const flaky = app.task({
      name: 'flaky',
      queue: 'billing',
      autoretryFor: [Error],
      maxRetries: 3,
      defaultRetryDelay: 0,
      run: () => {
        if (++tries < 3) throw new Error('not yet')
        return tries
      },
    })
    const worker = await startTestWorker(app, { queues: QUEUES })
    const { chord } = await import('lovage')
    expect(await (await chord([add.s(1, 2), add.s(3, 4)], sum.s()).delay()).get({ timeout: 60 })).toBe(10)
    expect(await (await flaky.delay()).get({ timeout: 60 })).toBe(3)
    await worker.stop()
  })
})

describe('with a slot per queue and replicas', { timeout: 400_000 }, () => {
  withProducer()
  beforeAll(async () => {
    cluster = await startCluster({ replicas: true })
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  it('an owner that is killed under load loses nothing, and the other queues go on meanwhile', async () => {
    expect(await producer.check()).toEqual([expect.stringContaining('append-only file')])
    const victim = await cluster.ownerOf(keyOf('mail'))
    const names = new Map<string, RedisServer>()
    for (const queue of QUEUES) names.set(queue, await cluster.ownerOf(keyOf(queue)))
    const ids = idsOf(TASKS)
    await producer.publish(ids.map((id, at) => taskMessage(QUEUES[at % QUEUES.length] ?? '', id)))
    for (const server of cluster.servers.slice(0, 3)) {
      const client = new Redis(server.url)
      // Replication is asynchronous: only from here on is it sure that the replicas have all that was sent.
      expect(await client.wait(1, 60_000)).toBe(1)
      client.disconnect()
    }
    const run = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
    await startWorker({ slots: 20, run })
    await startWorker({ slots: 20, queues: [...QUEUES].reverse(), run })
    await until(() => ran().size > TASKS / 10, PATIENCE)
    await victim.kill()
    const soFar = ran().size
    await until(() => ran().size > soFar + 500, PATIENCE)
    await until(() => ran().size === TASKS, PATIENCE)
    expect(await cluster.ownerOf(keyOf('mail'))).not.toBe(victim)
    await until(() => isEmpty(), PATIENCE)
    await victim.start()
    await cluster.ready()
  })
})

describe('the setting for a slot per queue', () => {
  const parse = (keyPrefix: string | undefined, layout: 'slot-per-queue' | 'one-slot' = 'slot-per-queue') =>
    parseRedisUrl('redis+cluster://a:1', { layout, ...(keyPrefix === undefined ? {} : { keyPrefix }) })

  it('has a prefix without a hash tag, by which two targets are one server or not', () => {
    expect(parse(undefined)).toMatchObject({ keyPrefix: '{lovage:}:', queuePrefix: 'lovage:' })
    expect(parse('shop:')).toMatchObject({ keyPrefix: '{shop:}:', queuePrefix: 'shop:' })
    expect(parse('shop:').server).not.toBe(parse(undefined).server)
    expect(parse(undefined, 'one-slot').keyPrefix).toBe('{lovage}:')
  })

  it('can stand behind the last of several servers', () => {
    const url = 'redis+cluster://a:1;redis+cluster://b:2?cluster=slot-per-queue&global_keyprefix=shop:'
    expect(parseRedisUrl(url)).toMatchObject({ keyPrefix: '{shop:}:', queuePrefix: 'shop:' })
    expect(() => parseRedisUrl('redis+cluster://a:1;redis+cluster://b:2?cluster=many')).toThrow(
      expect.objectContaining({ code: 'LVG_CONFIG_INVALID' }),
    )
  })

  it.each(['{shop}:', '', 'a}b', 'a{b'])('refuses the prefix %j', (keyPrefix) => {
    expect(() => parse(keyPrefix)).toThrow(
      expect.objectContaining({ code: 'LVG_CONFIG_INVALID', hint: expect.stringContaining('braces') }),
    )
  })

  it('is refused under another name, and for a server that is no Cluster', async () => {
    const open = (url: string, layout: string) =>
      openBroker(url, driverOptions({ brokerTransportOptions: { cluster: layout } }))
    await expect(open('redis+cluster://a', 'many')).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      hint: expect.stringContaining("'slot-per-queue'"),
    })
    await expect(open('redis://a', 'slot-per-queue')).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      hint: expect.stringContaining('redis+cluster://'),
    })
  })
})
