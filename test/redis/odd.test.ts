import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { message, TestConsumer, until } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openRedisBroker } from '../../packages/lovage/src/drivers/redis/broker/index.js'
import { encodeEnvelope } from '../../packages/lovage/src/envelope/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { type RedisServer, startRedis } from '../servers.js'

let server: RedisServer
let client: Redis
let broker: Broker
const open = (): Promise<Broker> =>
  openRedisBroker(server.url, { settings: {}, clock: systemClock, logger: silentLogger })

beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.url)
  broker = await open()
})
afterAll(async () => {
  await broker?.close()
  client?.disconnect()
  await server?.stop()
})
beforeEach(async () => void (await client.flushall()))

/** An envelope whose tag stands there as these bytes. */
function rawWith(tag: Buffer | string): Buffer {
  const text = encodeEnvelope(message('q'), () => 0, 'TAG')
  const [before = '', after = ''] = text.split('TAG')
  return Buffer.concat([Buffer.from(before), Buffer.from(tag), Buffer.from(after)])
}

describe('a delivery tag of any form', () => {
  const forms: [string, Buffer | string][] = [
    ['a minus', '-'],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0xfe])],
    ['spaces', 'a b  c'],
    ['letters of other alphabets', 'тег-é'],
    ['an escaped end of line', String.raw`a\nb`],
    ['a thousand characters', 'x'.repeat(1000)],
    ['an empty text', ''],
    ['a tab before what looks like ours', String.raw`lovage:a\tb`],
  ]
  it.each(forms)('(%s) is renewed and settled', async (_, tag) => {
    await broker.declare([{ name: 'q' }])
    await client.lpush('q', rawWith(tag))
    const holder = await TestConsumer.start(broker, { queues: ['q'], leaseMs: 900, slots: 1 })
    const other = await TestConsumer.start(broker, { queues: ['q'], leaseMs: 900 })
    try {
      const [delivery] = await Promise.race([holder.received(1), other.received(1)])
      const mine = holder.deliveries.length > 0 ? holder : other
      // Several renewals, and looks of the other for what silent holders hold.
      await new Promise((resolve) => setTimeout(resolve, 2500))
      expect([...holder.lost, ...other.lost]).toEqual([])
      if (!delivery) throw new Error('unreachable')
      expect(await mine.ack(delivery)).toEqual([])
      expect(holder.deliveries.length + other.deliveries.length).toBe(1)
      expect(await client.keys('unacked*')).toEqual([])
    } finally {
      await holder.close()
      await other.close()
    }
  })

  it('counts the losses of its holders', async () => {
    await broker.declare([{ name: 'q' }])
    await client.lpush('q', rawWith(Buffer.from([0xff, 0x2d])))
    for (const losses of [0, 1, 2]) {
      const holder = await TestConsumer.start(broker, { queues: ['q'], leaseMs: 60_000 })
      expect((await holder.first()).redeliveries).toBe(losses)
      // What is held when its consumer ends goes back, and counts.
      await holder.close()
    }
  })
})

describe('a queue whose key holds something else', () => {
  it('costs no other queue a message, and is told', async () => {
    await broker.declare([{ name: 'good' }, { name: 'bad' }, { name: 'late' }])
    await client.set('bad', 'not a list')
    const told: unknown[] = []
    const consumer = await TestConsumer.start(broker, {
      queues: ['good', 'bad', 'late'],
      onError: (error) => told.push(error),
    })
    try {
      for (let round = 1; round <= 3; round++) {
        await broker.publish([message('good'), message('late')])
        await consumer.received(2 * round)
      }
      await consumer.ack(...consumer.deliveries)
      await until(() => told.some((error) => String(error).includes('queue bad')))
    } finally {
      await consumer.close()
    }
  })

  it('keeps nothing else from becoming due', async () => {
    await broker.declare([{ name: 'good' }, { name: 'bad' }])
    const dueMs = Date.now() + 300
    await broker.publish([message('bad', { dueMs }), message('good', { dueMs: dueMs + 50 })])
    await client.set('bad', 'not a list')
    const consumer = await TestConsumer.start(broker, { queues: ['good'], onError: () => {} })
    try {
      await consumer.received(1)
    } finally {
      await consumer.close()
    }
  })

  it.each(['unacked', 'unacked_index', 'lovage:dead', '_kombu.binding.celery', 'celery-task-meta-1'])(
    'is refused where its name is the broker’s own: %s',
    async (name) => {
      const refusal = { code: 'LVG_MESSAGE_UNROUTABLE' }
      await expect(broker.declare([{ name }])).rejects.toMatchObject(refusal)
      await expect(broker.publish([message(name)])).rejects.toMatchObject(refusal)
      await expect(broker.admin.move('q', name)).rejects.toMatchObject(refusal)
    },
  )
})

describe('a Redis that is full', () => {
  it('lets a worker start and empty its queues', async () => {
    await broker.declare([{ name: 'q' }])
    await broker.publish([message('q'), message('q')])
    await client.config('SET', 'maxmemory-policy', 'noeviction')
    await client.config('SET', 'maxmemory', '1')
    const worker = await open()
    try {
      await expect(broker.publish([message('q')])).rejects.toMatchObject({ code: 'LVG_REDIS_REFUSED' })
      await worker.declare([{ name: 'q' }])
      await expect(worker.declare([{ name: 'new' }])).rejects.toMatchObject({ code: 'LVG_REDIS_REFUSED' })
      const consumer = await TestConsumer.start(worker, { queues: ['q'] })
      await consumer.received(2)
      expect(await consumer.ack(...consumer.deliveries)).toEqual([])
      await vi.waitFor(async () => expect(await client.llen('q')).toBe(0), 20_000)
      await consumer.close()
    } finally {
      await client.config('SET', 'maxmemory', '0')
      await worker.close()
    }
  })
})

describe('messages for more queues than Lua passes values', () => {
  it('are sent in one turn, and so are the next ones', async () => {
    const publisher = await open()
    const queues = Array.from({ length: 9_000 }, (_, n) => `many-${n}`)
    await publisher.publish(queues.map((queue) => message(queue)))
    for (let round = 0; round < 12; round++) await publisher.publish([message('many-0'), message('many-1')])
    expect(await client.llen('many-0')).toBe(13)
    expect(await client.llen('many-8999')).toBe(1)
    await publisher.close()
  })
})
