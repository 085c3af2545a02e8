import { startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { AmqpConnection, parseAmqpUrls } from '../../packages/lovage/src/drivers/amqp/client/index.js'
import { isLovageError, silentLogger } from '../../packages/lovage/src/kernel/index.js'
import { CountingWorker, taskMessage } from '../redis/fleet.js'
import { type RabbitServer, startRabbit } from '../servers.js'
import { startLine } from './line.js'

vi.setConfig({ testTimeout: 60_000 })
const WITHIN = { timeout: 30_000, interval: 50 }
const SETTINGS = { brokerNativeDelayedDeliveryQueueType: 'classic' } as const

let server: RabbitServer
let operator: AmqpConnection

beforeAll(async () => {
  server = await startRabbit()
  operator = new AmqpConnection(parseAmqpUrls(server.url()), 'operator', silentLogger)
}, 120_000)
afterAll(async () => {
  await operator?.close()
  await server?.stop()
})

function nested(depth: number): unknown {
  let value: unknown = 'x'
  for (let level = 0; level < depth; level++) value = { n: value }
  return value
}

describe('messages that mean harm', () => {
  it('become letters or run, each alone, and a worker goes on', async () => {
    const queue = 'hostile'
    await using app = createTestApp('shop', {
      broker: server.url(),
      backend: 'memory://hostile',
      taskDefaultQueue: queue,
      ...SETTINGS,
    })
    const ran: number[] = []
    const errors: unknown[] = []
    app.task({ name: 'shop.work', run: (_ctx, n: number) => void ran.push(n) })
    await app.sendTask('shop.work', { args: [0] })
    const headers = { lang: 'js', task: 'shop.work', id: 'h', retries: 0 }
    const tables = [
      { ...headers, odd: { '!': 'decimal' } },
      { ...headers, odd: { '!': 'timestamp', value: { toString: 1 } } },
      { ...headers, id: { toString: 1 }, retries: { valueOf: 1 } },
      { ...headers, 'x-death': [{ queue: {} }], 'x-lovage-route': [{}, 1, 2] },
      { ...headers, 'x-lovage-redeliveries': 'many', 'x-delivery-count': -1.5 },
      { ...headers, odd: nested(99) },
      { ...headers, ['__proto__']: { polluted: true } },
      { task: 5, id: [] },
      {},
    ]
    const channel = await operator.publishingChannel()
    expect(
      await channel.publish(
        tables.map((table) => ({
          exchange: '',
          routingKey: queue,
          body: '[[1], {}, {}]',
          properties: { headers: table, contentType: 'application/json', contentEncoding: 'utf-8' },
        })),
      ),
    ).toEqual([])
    await app.sendTask('shop.work', { args: [2] })
    const worker = await startWorker(app, { queues: [queue] })
    app.signals.on('taskInternalError', ({ error }) => errors.push(error))
    await until(() => ran.includes(2), { timeoutMs: 30_000 })
    const letters = async () =>
      (await (await coreOf(app).broker()).deadLetters.list({ queue, limit: 100 })).items
    await until(async () => (await letters()).length + ran.length === tables.length + 2, {
      timeoutMs: 30_000,
    })
    expect(errors).toEqual([])
    expect({}).not.toHaveProperty('polluted')
    await worker.stop()
  })

  it('that name queues of the driver’s own are refused, and a queue that cannot be consumed stops no other', async () => {
    const worker = await CountingWorker.start(server.url(), { settings: SETTINGS, queues: ['fine'] })
    try {
      for (const queue of [
        'celery_delayed_3',
        'lovage_orphans',
        'amq.x',
        'celeryev.x',
        'a.celery.pidbox',
        'x'.repeat(300),
      ])
        await expect(worker.broker.publish([taskMessage(queue, 'a')])).rejects.toMatchObject({
          code: 'LVG_MESSAGE_UNROUTABLE',
          message: expect.stringContaining('is not a valid queue name'),
        })
      const channel = await operator.channel()
      await channel.declareQueue({ name: 'mine', exclusive: true })
      await worker.consumer.setQueues(['celery_delayed_3', 'mine', 'fine', 'later'])
      await worker.broker.publish([taskMessage('fine', 'b'), taskMessage('later', 'c')])
      await vi.waitFor(() => expect([...worker.runs.keys()].sort()).toEqual(['b', 'c']), WITHIN)
      expect(worker.errors).toEqual([])
      expect(worker.lost).toEqual([])
    } finally {
      await worker.close()
    }
  })
})

describe('a connection whose other end has gone without a word', () => {
  it('is noticed within a third of the lease, idle or waiting, and what runs goes on', async () => {
    await using line = await startLine(server.port)
    const url = server.url().replace(String(server.port), String(line.port))
    const settings = { ...SETTINGS, brokerLease: 6 }
    let finish = (): void => {}
    const worker = await CountingWorker.start(url, {
      settings,
      queues: ['half-open'],
      run: () => new Promise<void>((resolve) => (finish = resolve)),
    })
    try {
      await worker.broker.publish([taskMessage('half-open', 'a')])
      await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
      line.freeze()
      const frozenMs = Date.now()
      const failed = worker.broker.publish([taskMessage('half-open', 'b')]).catch((error: unknown) => error)
      await vi.waitFor(() => expect(worker.errors.length).toBe(1), WITHIN)
      const error = await failed
      // A busy machine is late with timers.
      expect(Date.now() - frozenMs).toBeLessThan(2_000 + 1_500)
      expect(isLovageError(error) && error.code).toBe('LVG_PUBLISH_UNCERTAIN')
      expect(worker.lost).toEqual([])
      finish()
      // The server learns it at last, and gives the message to the claim that goes on.
      await server.ctl('close_all_connections', 'test')
      await vi.waitFor(() => expect(worker.runs.get('a')).toBe(1), WITHIN)
      await vi.waitFor(
        async () =>
          expect((await worker.broker.depths(['half-open'])).get('half-open')).toMatchObject({ ready: 0 }),
        WITHIN,
      )
      expect(worker.refused).toEqual([])
    } finally {
      await worker.close()
    }
  })

  it('holds its messages until the server misses two heartbeats: then others get them', async () => {
    await using line = await startLine(server.port)
    const url = server.url().replace(String(server.port), String(line.port))
    const queues = ['half-open-dead']
    const cut = await CountingWorker.start(`${url}?heartbeat=1`, { settings: SETTINGS, queues, acks: false })
    const ids = ['a', 'b', 'c']
    await cut.broker.publish(ids.map((id) => taskMessage('half-open-dead', id)))
    await vi.waitFor(() => expect(cut.deliveries.length).toBe(ids.length), WITHIN)
    line.freeze()
    // It ends, and the server does not hear of it.
    await cut.close()
    const other = await CountingWorker.start(server.url(), { settings: SETTINGS, queues })
    try {
      await vi.waitFor(() => expect([...other.runs.keys()].sort()).toEqual(ids), WITHIN)
    } finally {
      await other.close()
    }
  })
})

describe('a server whose connections end as soon as they are made', () => {
  it('is asked less and less often, and told of no more', async () => {
    await using line = await startLine(server.port)
    const url = server.url().replace(String(server.port), String(line.port))
    const worker = await CountingWorker.start(url, { settings: SETTINGS, queues: ['flapping'] })
    await worker.broker.subscribe('flapping', () => {})
    try {
      const connections = line.flap(150)
      const before = connections()
      line.cut()
      await vi.waitFor(() => expect(connections()).toBeGreaterThanOrEqual(before + 4), WITHIN)
      const atMs = Date.now()
      const at = connections()
      while (Date.now() - atMs < 4_000) await new Promise((resolve) => setTimeout(resolve, 50))
      // Without a pause there would be more than twenty.
      expect(connections() - at).toBeLessThanOrEqual(8)
      expect(worker.errors.length).toBeLessThanOrEqual(2)
    } finally {
      await worker.close()
    }
  })
})

describe('a worker that starts while RabbitMQ takes no messages', () => {
  it('empties the queues, and stops', async () => {
    await using app = createTestApp('shop', {
      broker: server.url(),
      backend: 'disabled://',
      taskDefaultQueue: 'alarm',
      ...SETTINGS,
    })
    const ran: number[] = []
    app.task({ name: 'shop.work', run: (_ctx, n: number) => void ran.push(n) })
    await Promise.all([1, 2, 3].map((n) => app.sendTask('shop.work', { args: [n] })))
    await app.close()
    await server.ctl('set_vm_memory_high_watermark', 'absolute', '1MB')
    try {
      await using second = createTestApp('shop', {
        ...SETTINGS,
        broker: server.url(),
        backend: 'disabled://',
        taskDefaultQueue: 'alarm',
      })
      second.task({ name: 'shop.work', run: (_ctx, n: number) => void ran.push(n) })
      const worker = await startWorker(second, { queues: ['alarm'] })
      await until(() => ran.length === 3, { timeoutMs: 30_000 })
      await worker.stop()
    } finally {
      await server.ctl('set_vm_memory_high_watermark', '0.4')
    }
  })
})
