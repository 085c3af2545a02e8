import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { restoreForeign } from '../../packages/lovage/src/drivers/redis/broker/foreign.js'
import { RedisKeys } from '../../packages/lovage/src/drivers/redis/broker/redis-keys.js'
import { RedisRouting, topicPattern } from '../../packages/lovage/src/drivers/redis/broker/redis-routing.js'
import { parseRedisUrl, RedisConnection } from '../../packages/lovage/src/drivers/redis/client/index.js'
import { type RedisServer, runPython, startRedis } from '../servers.js'
import { CountingWorker, driverOptions, idOf, idsOf, taskMessage } from './fleet.js'

const WITHIN = { timeout: 15_000, interval: 20 }
const SEP = '\x06\x16'

let server: RedisServer
let client: Redis
let broker: Broker
const workers: CountingWorker[] = []

beforeEach(async () => {
  server = await startRedis()
  client = new Redis(server.url)
  broker = await openBroker(server.url, driverOptions())
})

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await broker.close()
  client.disconnect()
  await server.stop()
})

async function start(options: Parameters<typeof CountingWorker.start>[1] = {}): Promise<CountingWorker> {
  const worker = await CountingWorker.start(server.url, options)
  workers.push(worker)
  return worker
}

/** An envelope with Python's spacing, whose numbers and NaN no parser of ours may touch. */
const python = (
  id: string,
  tag: string,
  info = '{"exchange": "", "routing_key": "q"}',
  priority = 0,
): string =>
  `{"body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "t", "id": "${id}", "big": 12345678901234567890, "nan": NaN, "stamps": {}}, "properties": {"correlation_id": "${id}", "reply_to": "r", "delivery_mode": 2, "delivery_info": ${info}, "priority": ${priority}, "body_encoding": "base64", "delivery_tag": "${tag}"}}`

/** As a Python worker holds a message. */
async function heldByPython(tag: string, message: string, exchange: string, key: string, ageS: number) {
  await client.zadd('unacked_index', Date.now() / 1000 - ageS, tag)
  await client.hset('unacked', tag, `[${message}, ${JSON.stringify(exchange)}, ${JSON.stringify(key)}]`)
}

/** One turn of the restoration. */
async function restore(visibilityTimeoutMs = 3_600_000): Promise<number> {
  const connection = new RedisConnection(parseRedisUrl(server.url), 'test')
  const keys = new RedisKeys('', 0)
  try {
    return await restoreForeign(connection, keys, new RedisRouting(connection, keys), visibilityTimeoutMs)
  } finally {
    connection.close()
  }
}

describe('a message that a Python worker holds', () => {
  it('stays its own until the visibility timeout, whatever our leases say', async () => {
    await heldByPython('tag-1', python('held', 'tag-1'), '', 'q', 60)
    const worker = await start({ leaseMs: 300 })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(worker.runs.size).toBe(0)
    expect(await client.hlen('unacked')).toBe(1)
  })

  it('is counted among those that are not acknowledged, beside ours', async () => {
    await heldByPython('tag-1', python('held', 'tag-1'), 'celery', 'q', 60)
    await heldByPython('tag-2', python('other', 'tag-2'), '', 'elsewhere', 60)
    await client.lpush('q', python('ours', 'tag-3'))
    const worker = await start({ acks: false })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const depths = await broker.depths(['q', 'elsewhere'], { unacked: true })
    expect([...depths.values()].map(({ unacked }) => unacked)).toEqual([2, 1])
  })

  it('returns after it, with both flags and not a byte else changed, and is counted', async () => {
    await heldByPython('tag-1', python('held', 'tag-1'), '', 'q', 3_700)
    const worker = await start({ acks: false })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const [delivery] = worker.deliveries
    expect(delivery).toMatchObject({ redeliveries: 1, message: { redelivered: true } })
    expect(delivery?.raw.toString()).toBe(
      python('held', 'tag-1', '{"redelivered":true,"exchange": "", "routing_key": "q"}').replace(
        '"headers": {',
        '"headers": {"redelivered":true,',
      ),
    )
  })

  it('returns to the head of the list of its priority, in its order', async () => {
    await broker.publish([taskMessage('q', 'waiting')])
    const info = '{"exchange": "", "routing_key": "q"}'
    await heldByPython('a', python('a', 'a', info, 0), '', 'q', 5_000)
    await heldByPython('b', python('b', 'b', info, 0), '', 'q', 4_000)
    await heldByPython('c', python('c', 'c', info, 7), '', 'q', 4_500)
    expect(await restore()).toBe(3)
    const worker = await start({ slots: 10 })
    await vi.waitFor(() => expect(worker.runs.size).toBe(4), WITHIN)
    expect(worker.deliveries.map(idOf)).toEqual(['a', 'b', 'waiting', 'c'])
    expect(worker.deliveries.map(({ redeliveries }) => redeliveries)).toEqual([1, 1, 0, 1])
  })

  it('goes where its exchange is bound', async () => {
    await broker.declare([
      { name: 'images', exchange: 'media', exchangeType: 'topic', routingKey: 'image.*' },
      { name: 'all', exchange: 'media', exchangeType: 'topic', routingKey: '#' },
      { name: 'mail', exchange: 'media', exchangeType: 'topic', routingKey: 'mail.#' },
    ])
    await heldByPython(
      't',
      python('x', 't', '{"exchange": "media", "routing_key": "image.png"}'),
      'media',
      'image.png',
      4_000,
    )
    expect(await restore()).toBe(1)
    expect(await Promise.all(['images', 'all', 'mail'].map((queue) => client.llen(queue)))).toEqual([1, 1, 0])
  })

  it('goes to the list of its routing key when its exchange has no binding, where kombu would lose it', async () => {
    await heldByPython('t', python('x', 't', '{"exchange": "gone", "routing_key": "q"}'), 'gone', 'q', 4_000)
    expect(await restore()).toBe(1)
    expect(await client.llen('q')).toBe(1)
  })

  it('is left alone while a peer restores', async () => {
    await heldByPython('t', python('x', 't'), '', 'q', 4_000)
    await client.set('unacked_mutex', 'peer')
    expect(await restore()).toBe(0)
    await client.del('unacked_mutex')
    expect(await restore()).toBe(1)
    expect(await client.exists('unacked_mutex')).toBe(0)
  })

  it('is settled by nobody else: a holder that Python took it from is refused', async () => {
    const worker = await start({ acks: false })
    await client.lpush('q', python('x', 'tag-1'))
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    // Python restores with too short a timeout, and claims the message again: same tag, same bytes, its own time.
    await client.zadd('unacked_index', Date.now() / 1000, 'tag-1')
    const tag = worker.deliveries[0]?.tag ?? ''
    expect(await worker.consumer.settle([{ kind: 'ack', tag }])).toEqual([tag])
    expect(await client.hlen('unacked')).toBe(1)
  })
})

describe('kombu', () => {
  it('restores what we hold to the queue it came from, also when it came through an exchange', async () => {
    await broker.declare([
      { name: 'images', exchange: 'media', exchangeType: 'topic', routingKey: 'image.*' },
    ])
    await broker.publish([
      { ...taskMessage('image.png', 'through'), exchange: 'media' },
      taskMessage('q', 'plain'),
    ])
    const worker = await start({ queues: ['images', 'q'], acks: false, leaseMs: 60_000 })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(2), WITHIN)
    await worker.consumer.pause()
    for (const tag of await client.zrange('unacked_index', '0', '-1'))
      await client.zadd('unacked_index', 1, tag)
    await runPython(
      `
from kombu import Connection
with Connection('${server.url}') as connection:
    channel = connection.default_channel
    channel.qos.restore_visible(num=100)`,
      { broker: server.url },
    )
    expect(await client.hlen('unacked')).toBe(0)
    const [image] = await client.lrange('images', 0, -1)
    const [plain] = await client.lrange('q', 0, -1)
    for (const raw of [image, plain]) {
      expect(JSON.parse(raw ?? '')).toMatchObject({
        headers: { redelivered: true },
        properties: { delivery_info: { redelivered: true } },
      })
    }
  })

  it('and we write the same bindings and patterns', async () => {
    const topics = ['task.#.x.*', '#', '*', 'a-b_c.d', 'é.*']
    await broker.declare([
      { name: 'direct' },
      ...topics.map((routingKey, index) => ({
        name: `ts${index}`,
        exchange: 'ts',
        exchangeType: 'topic' as const,
        routingKey,
      })),
    ])
    await runPython(
      `
import json
from kombu import Connection, Exchange, Queue
with Connection('${server.url}') as connection:
    Queue('direct', Exchange('py-direct', 'direct'), 'direct').bind(connection.default_channel).declare()
    for index, key in enumerate(json.loads(${JSON.stringify(JSON.stringify(topics))})):
        Queue('ts%d' % index, Exchange('py', 'topic'), key).bind(connection.default_channel).declare()`,
      { broker: server.url },
    )
    const members = async (exchange: string) => (await client.smembers(`_kombu.binding.${exchange}`)).sort()
    expect(await members('ts')).toEqual(await members('py'))
    expect(await members('direct')).toEqual(await members('py-direct'))
    expect(topicPattern('task.#.x.*')).toBe('^task\\..*?\\.x\\..*?[^\\.]$')
    expect(await members('direct')).toEqual([`direct${SEP}${SEP}direct`])
  })

  it('shares queues, steps and unacked keys under a prefix, a separator and steps of the fleet’s own', async () => {
    const settings = {
      brokerTransportOptions: {
        global_keyprefix: 'pfx:',
        sep: '::',
        priority_steps: [0, 5],
        unacked_key: 'mine',
      },
    }
    const worker = await start({ settings, acks: false })
    await worker.broker.publish([
      taskMessage('q', 'urgent'),
      taskMessage('q', 'low', {
        properties: { correlationId: null, replyTo: null, deliveryMode: 2, priority: 0 },
      }),
    ])
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(2), WITHIN)
    expect(await client.hlen('pfx:mine')).toBe(2)
    await worker.broker.declare([{ name: 'q' }])
    expect(await client.smembers('pfx:_kombu.binding.q')).toEqual(['q::::q'])
    const keys = await client.keys('*')
    expect(keys.filter((key) => !key.startsWith('pfx:'))).toEqual([])
  })
})

describe('a claim', () => {
  it('keeps copies apart that share a delivery tag, and finishes each', async () => {
    await client.lpush('q', python('a', 'same'), python('b', 'same'))
    const worker = await start({ acks: false, slots: 1 })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const second = await start({ acks: false, slots: 1 })
    await vi.waitFor(() => expect(second.deliveries.length).toBe(1), WITHIN)
    expect(await client.hlen('unacked')).toBe(2)
    expect(await worker.consumer.settle([{ kind: 'ack', tag: worker.deliveries[0]?.tag ?? '' }])).toEqual([])
    expect(Object.values(await client.hgetall('unacked'))).toEqual([`[${python('b', 'same')},"","q"]`])
    expect(await second.consumer.settle([{ kind: 'ack', tag: second.deliveries[0]?.tag ?? '' }])).toEqual([])
    expect(await client.hlen('unacked')).toBe(0)
  })

  it('keeps what is no envelope out of kombu’s keys, and returns its bytes when the holder dies', async () => {
    const garbage = Buffer.from([0xff, 0xfe, 0, 1, 0x7b])
    await client.lpush('q', garbage)
    const worker = await start({ acks: false, run: async () => new Promise(() => {}) })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    expect(worker.deliveries[0]?.message).toMatchObject({ code: 'LVG_MESSAGE_MALFORMED' })
    expect(await client.exists('unacked', 'unacked_index')).toBe(0)
    await worker.close()
    const other = await start({ slots: 0, leaseMs: 500 })
    await vi.waitFor(async () => expect(await client.llen('q')).toBe(1), WITHIN)
    expect(await client.rpopBuffer('q')).toEqual(garbage)
    expect(other.runs.size).toBe(0)
  })

  it('works for workers and not for producers while the memory is full', async () => {
    const results = idsOf(50)
    await broker.publish(results.map((id) => taskMessage('q', id)))
    await client.config('SET', 'maxmemory', '1')
    await expect(broker.publish([taskMessage('q', 'more')])).rejects.toMatchObject({
      code: 'LVG_REDIS_REFUSED',
      message: expect.stringContaining('out of memory'),
    })
    const worker = await start({ acks: false })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(50), WITHIN)
    const settled = await worker.consumer.settle(
      worker.deliveries.map(({ tag }, index) => ({
        kind: 'ack',
        tag,
        ...(index % 2 === 0 ? { publish: [taskMessage('next', `next-${index}`)] } : {}),
      })),
    )
    expect(settled).toEqual([])
    expect(await client.llen('next')).toBe(25)
    expect(await client.hlen('unacked')).toBe(0)
  })

  it('fails before it takes anything when a key is of the wrong type', async () => {
    await broker.publish([taskMessage('q', 'safe')])
    await client.set('unacked', 'someone else’s')
    const worker = await start()
    await vi.waitFor(() => expect(worker.errors.length).toBeGreaterThan(0), WITHIN)
    expect(await client.llen('q')).toBe(1)
    await client.del('unacked')
    await vi.waitFor(() => expect([...worker.runs.keys()]).toEqual(['safe']), WITHIN)
  })

  it('stays held when its continuation cannot be stored', async () => {
    await broker.publish([taskMessage('q', 'first')])
    await client.set('broken', 'no list')
    const worker = await start({ acks: false })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const tag = worker.deliveries[0]?.tag ?? ''
    const publish = [taskMessage('broken', 'next')]
    await expect(worker.consumer.settle([{ kind: 'ack', tag, publish }])).rejects.toMatchObject({
      code: 'LVG_REDIS_REFUSED',
    })
    expect(await client.hlen('unacked')).toBe(1)
    expect(await worker.consumer.settle([{ kind: 'ack', tag }])).toEqual([])
  })
})

describe('a backup that is restored', () => {
  it('has what was waiting, delayed, held and dead', async () => {
    await broker.publish([taskMessage('q', 'held')])
    const worker = await start({ slots: 1, acks: false, leaseMs: 1_000 })
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const dueMs = Date.now() + 2_500
    await broker.publish([taskMessage('q', 'waiting'), taskMessage('q', 'delayed', { dueMs })])
    await client.call('SAVE')
    // Everything that happens after the backup is forgotten by it.
    await worker.consumer.settle([{ kind: 'ack', tag: worker.deliveries[0]?.tag ?? '' }])
    await Promise.all(workers.splice(0).map((one) => one.close()))
    await server.kill()
    await server.start()
    const after = await start({ leaseMs: 1_000 })
    await vi.waitFor(
      () => expect([...after.runs.keys()].sort()).toEqual(['delayed', 'held', 'waiting']),
      WITHIN,
    )
    expect(Date.now()).toBeGreaterThanOrEqual(dueMs - 15)
  })
})
