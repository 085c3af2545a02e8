import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker, openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { type RedisServer, startRedis } from '../servers.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently, taskMessage } from './fleet.js'

const WITHIN = { timeout: 20_000, interval: 20 }

let server: RedisServer
let client: Redis
let producer: Broker
const workers: CountingWorker[] = []

beforeEach(async () => {
  server = await startRedis({ appendonly: 'always' })
  client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  // It is away while the server restarts.
  client.on('error', () => {})
  producer = await openBroker(server.url, driverOptions())
})

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await producer.close()
  client.disconnect()
  await server.stop()
})

async function start(options: Parameters<typeof CountingWorker.start>[1] = {}): Promise<CountingWorker> {
  const worker = await CountingWorker.start(server.url, options)
  workers.push(worker)
  return worker
}

const ran = (): Set<string> => new Set(workers.flatMap((worker) => [...worker.runs.keys()]))

async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(async () => {
    expect(await client.hlen('unacked')).toBe(0)
    expect(await client.zcard('unacked_index')).toBe(0)
    expect(await client.llen('q')).toBe(0)
    const held = await client.keys('lovage:held:*')
    for (const key of held) expect((await client.hkeys(key)).filter((tag) => tag !== '')).toEqual([])
  }, WITHIN)
}

describe('a fleet on Redis', () => {
  it('does every task although the server is killed and restarted under load', async () => {
    await start()
    await start()
    const ids = idsOf(10_000)
    const published = publishPatiently(producer, ids)
    for (let kill = 0; kill < 3; kill++) {
      const target = Math.min(ids.length, ran().size + 1_500)
      await vi.waitFor(() => expect(ran().size).toBeGreaterThanOrEqual(target), WITHIN)
      await server.restart()
    }
    await published
    await vi.waitFor(() => expect(ran().size).toBe(ids.length), WITHIN)
    await expectNothingLeft()
    for (const worker of workers) expect(worker.errors.length).toBeGreaterThan(0)
  })

  it('finds every script on a server that was just started, so that nothing overtakes it', async () => {
    await start()
    await publishPatiently(producer, idsOf(50))
    await vi.waitFor(() => expect(ran().size).toBe(50), WITHIN)
    await server.restart()
    await publishPatiently(producer, ['again'])
    await vi.waitFor(() => expect(ran().size).toBe(51), WITHIN)
    await expectNothingLeft()
    expect(await client.info('errorstats')).not.toContain('NOSCRIPT')
  })

  it('goes on after FLUSHALL with its bindings, scripts and subscriptions', async () => {
    const worker = await start()
    await worker.broker.declare([{ name: 'q', exchange: 'x', exchangeType: 'topic', routingKey: 'a.#' }])
    const heard: string[] = []
    await worker.broker.subscribe('news', (message) => heard.push(message.routingKey))
    await publishPatiently(producer, idsOf(500))
    await vi.waitFor(() => expect(ran().size).toBe(500), WITHIN)
    await client.flushall()
    await client.script('FLUSH')
    const after = idsOf(1_000).map((id) => `after-${id}`)
    await publishPatiently(producer, after)
    await vi.waitFor(() => expect(ran().size).toBe(1_500), WITHIN)
    await vi.waitFor(
      async () =>
        expect(await client.smembers('_kombu.binding.x')).toEqual(['a.#\x06\x16^a\\..*?$\x06\x16q']),
      WITHIN,
    )
    await producer.publish([{ ...taskMessage('q', 'by-exchange'), exchange: 'x', routingKey: 'a.b' }])
    await producer.broadcast({ ...taskMessage('', 'news'), exchange: 'news', routingKey: 'weather' })
    await vi.waitFor(() => expect([...ran()]).toContain('by-exchange'), WITHIN)
    await vi.waitFor(() => expect(heard).toEqual(['weather']), WITHIN)
    expect(worker.errors).toEqual([])
    await expectNothingLeft()
  })

  it('tells what FLUSHALL took away, and holds what it claims afterwards', async () => {
    const worker = await start({ acks: false, slots: 2, leaseMs: 600 })
    await publishPatiently(producer, ['before'])
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    await client.flushall()
    await vi.waitFor(() => expect(worker.lost).toEqual([worker.deliveries[0]?.tag]), WITHIN)
    await publishPatiently(producer, ['after'])
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(2), WITHIN)
    const tag = worker.deliveries[1]?.tag ?? ''
    expect(await worker.consumer.settle([{ kind: 'ack', tag }])).toEqual([])
  })

  it('does every task while the scripts are flushed again and again', async () => {
    const worker = await start()
    const ids = idsOf(3_000)
    const published = publishPatiently(producer, ids)
    const isDone = (): boolean => worker.runs.size === ids.length
    while (!isDone()) {
      await client.script('FLUSH')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await published
    expect([...worker.runs.values()].every((count) => count === 1)).toBe(true)
    expect(worker.errors).toEqual([])
    await expectNothingLeft()
  })

  it('does every task although its connections are cut at random', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const next = random(seed)
    await start({ leaseMs: 1_500 })
    await start({ leaseMs: 1_500 })
    const ids = idsOf(5_000)
    const published = publishPatiently(producer, ids)
    const own = await client.client('ID')
    for (let cut = 0; ran().size < ids.length; cut++) {
      const list = String(await client.client('LIST'))
      const others = [...list.matchAll(/^id=(\d+) /gm)].map(([, id]) => Number(id)).filter((id) => id !== own)
      const victim = others[Math.floor(next() * others.length)]
      if (victim !== undefined && cut < 150) await client.call('CLIENT', 'KILL', 'ID', String(victim))
      await new Promise((resolve) => setTimeout(resolve, 10))
      if (cut > 3_000) throw new Error(`seed ${seed}: ${ran().size} of ${ids.length} ran`)
    }
    await published
    expect(ran().size, `seed ${seed}`).toBe(ids.length)
    await expectNothingLeft()
  })

  it('hands back what was claimed by a command whose reply was lost', async () => {
    const worker = await start({ acks: false, slots: 10, leaseMs: 900 })
    const [holder = ''] = await client.zrange('lovage:holders', '0', '-1')
    // As a claim leaves it behind.
    await client.hset('unacked', 'tag-1', `[${envelope('orphan')},"","q"]`)
    await client.zadd('unacked_index', Date.now() / 1000, 'tag-1')
    await client.hset(
      `lovage:held:${holder}`,
      'tag-1',
      `${await client.zscore('unacked_index', 'tag-1')} 1 q`,
    )
    await vi.waitFor(() => expect([...worker.runs.keys()]).toEqual(['orphan']), WITHIN)
    expect(worker.deliveries[0]).toMatchObject({ redeliveries: 0 })
  })

  it('tells waiters of a result through a restart', async () => {
    const results = await openResultBackend(server.url, driverOptions())
    const told: string[] = []
    const end = results.watch(['r'], ({ state }) => told.push(state))
    await server.restart()
    await client.set('celery-task-meta-r', '{"status": "SUCCESS", "result": 1, "task_id": "r"}')
    await vi.waitFor(() => expect(told).toEqual(['SUCCESS']), WITHIN)
    end()
    await results.close()
  })
})

describe('a client that is closed during an outage', () => {
  it('ends the calls that wait for the next attempt to connect', async () => {
    const other = await openBroker(server.url, driverOptions())
    await other.publish([taskMessage('q', 'before')])
    await server.kill()
    await expect(other.publish([taskMessage('q', 'first')])).rejects.toMatchObject({
      code: expect.stringMatching(/^LVG_(CONNECTION_FAILED|PUBLISH_UNCERTAIN)$/),
    })
    const waiting = other.publish([taskMessage('q', 'second')])
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' }),
      other.close(),
    ])
    await server.start()
  })
})

const envelope = (id: string): string =>
  JSON.stringify({
    body: Buffer.from('[[],{},null]').toString('base64'),
    'content-type': 'application/json',
    'content-encoding': 'utf-8',
    headers: { task: 't', id },
    properties: {
      delivery_info: { exchange: '', routing_key: 'q' },
      body_encoding: 'base64',
      delivery_tag: 'tag-1',
    },
  })

/** mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
