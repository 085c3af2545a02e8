import { chord, group, Lovage, Queue, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { AmqpConnection, parseAmqpUrls } from '../../packages/lovage/src/drivers/amqp/client/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger } from '../../packages/lovage/src/kernel/index.js'
import { CountingWorker, driverOptions, idsOf, taskMessage } from '../redis/fleet.js'
import { type RabbitServer, runPython, startRabbit } from '../servers.js'
import { startLine } from './line.js'

vi.setConfig({ testTimeout: 60_000 })
const WITHIN = { timeout: 30_000, interval: 50 }
const SETTINGS = { brokerNativeDelayedDeliveryQueueType: 'classic' } as const

let server: RabbitServer
let operator: AmqpConnection
let broker: Broker
const workers: CountingWorker[] = []

beforeAll(async () => {
  server = await startRabbit()
  operator = new AmqpConnection(parseAmqpUrls(server.url()), 'operator', silentLogger)
}, 120_000)
afterAll(async () => {
  await operator?.close()
  await server?.stop()
})
beforeEach(async () => {
  broker = await openBroker(server.url(), driverOptions(SETTINGS))
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await broker.close()
})

let names = 0
const newName = (): string => `lost-${++names}`
async function remove(queue: string): Promise<void> {
  const channel = await operator.channel()
  await channel.deleteQueue(queue)
  await channel.close()
}
/** How many messages wait; fails when there is no such queue. */
async function depth(queue: string): Promise<number> {
  const channel = await operator.channel()
  const { messages } = await channel.inspectQueue(queue)
  await channel.close()
  return messages
}
async function start(options: Parameters<typeof CountingWorker.start>[1] = {}): Promise<CountingWorker> {
  const worker = await CountingWorker.start(server.url(), { settings: SETTINGS, ...options })
  workers.push(worker)
  return worker
}

describe('a queue that was deleted behind a running process is declared again', () => {
  it('for what is published to it by name, of a batch only what needs it', async () => {
    const [gone, stays] = [newName(), newName()]
    await broker.publish([taskMessage(gone, 'a'), taskMessage(stays, 'b')])
    await remove(gone)
    await broker.publish([taskMessage(stays, 'c'), taskMessage(gone, 'd'), taskMessage(stays, 'e')])
    expect([await depth(gone), await depth(stays)]).toEqual([1, 3])
  })

  it('for what is published through an exchange, and for the exchange', async () => {
    const [queue, exchange] = [newName(), newName()]
    await broker.declare([{ name: queue, exchange, exchangeType: 'topic', routingKey: 'a.#' }])
    const message = (id: string) => ({ ...taskMessage('', id), exchange, routingKey: 'a.b' })
    await broker.publish([message('a')])
    await remove(queue)
    await broker.publish([message('b')])
    expect(await depth(queue)).toBe(1)
    await server.eval(
      `rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"${exchange}">>), false, <<"test">>).`,
    )
    await broker.publish([message('c'), taskMessage(queue, 'd')])
    expect(await depth(queue)).toBe(3)
  })

  it('for what is delayed, and for a level of the delays', async () => {
    const queue = newName()
    const late = (id: string) => taskMessage(queue, id, { dueMs: Date.now() + 1_500 })
    await broker.publish([late('a')])
    await remove(queue)
    await remove('celery_delayed_0')
    await remove('celery_delayed_1')
    const other = await openBroker(server.url(), driverOptions(SETTINGS))
    try {
      // The one finds out because it comes back, the other looks before.
      await broker.publish([late('b')])
      await other.publish([late('c')])
    } finally {
      await other.close()
    }
    await vi.waitFor(async () => expect(await depth(queue)).toBe(2), WITHIN)
  })

  it('for what a worker returns, retries and postpones, and for letters', async () => {
    const [from, next] = [newName(), newName()]
    const worker = await start({ queues: [from], acks: false })
    await broker.publish(idsOf(4).map((id) => taskMessage(from, id)))
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(4), WITHIN)
    const [one, two, three, four] = worker.deliveries
    if (!one || !two || !three || !four) throw new Error('unreachable')
    const letter = {
      id: 'letter',
      taskId: 'x',
      task: 't',
      queue: from,
      reason: 'failed',
      error: { type: 'E', message: 'm', traceback: null },
      retries: 0,
      redeliveries: 0,
      worker: 'w',
      failedMs: Date.now(),
      raw: one.raw,
    } as const
    const bury = (tag: string, id: string) =>
      worker.consumer.settle([{ kind: 'dead-letter', tag, letter: { ...letter, id } }])
    await worker.broker.publish([taskMessage(next, 'before')])
    expect(await bury(one.tag, 'first')).toEqual([])
    await remove(next)
    await remove(`${from}.dead`)
    expect(await bury(two.tag, 'second')).toEqual([])
    expect(
      await worker.consumer.settle([{ kind: 'ack', tag: three.tag, publish: [taskMessage(next, 'after')] }]),
    ).toEqual([])
    expect([await depth(next), await depth(`${from}.dead`)]).toEqual([1, 1])
    await remove(from)
    const requeued = worker.consumer.settle([{ kind: 'requeue', tag: four.tag, counts: true }])
    // Its own queue is there again, and brings it back.
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(5), WITHIN)
    expect(await requeued).toEqual([])
    expect(worker.deliveries[4]).toMatchObject({ redeliveries: 1 })
  })

  it('for broadcasts', async () => {
    const exchange = newName()
    const heard: unknown[] = []
    await broker.subscribe(exchange, ({ headers }) => heard.push(headers.id))
    await broker.broadcast(taskMessage('', 'a', { exchange }))
    await server.eval(
      `rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"${exchange}">>), false, <<"test">>).`,
    )
    await broker.broadcast(taskMessage('', 'nobody', { exchange }))
    // Whoever listens afresh hears: the exchange is there.
    const other = await openBroker(server.url(), driverOptions(SETTINGS))
    await other.subscribe(exchange, ({ headers }) => heard.push(headers.id))
    await broker.broadcast(taskMessage('', 'c', { exchange }))
    await vi.waitFor(() => expect(heard).toEqual(['a', 'c']), WITHIN)
    await other.close()
  })
})

describe('what no queue takes', () => {
  it('is refused, and what is published with it is not', async () => {
    const queue = newName()
    const exchange = newName()
    await broker.declare([{ name: queue, exchange, exchangeType: 'topic', routingKey: 'a.#' }])
    await using app = new Lovage('shop', {
      broker: server.url(),
      backend: 'disabled://',
      taskQueues: [new Queue(queue, { exchange, exchangeType: 'topic', routingKey: 'a.#' })],
      ...SETTINGS,
      env: {},
    })
    const [taken, refused] = await Promise.allSettled([
      app.sendTask('t', { exchange, routingKey: 'a.b', taskId: 'taken' }),
      app.sendTask('t', { exchange, routingKey: 'other', taskId: 'refused' }),
    ])
    expect(taken.status).toBe('fulfilled')
    expect(refused).toMatchObject({
      reason: {
        code: 'LVG_MESSAGE_UNROUTABLE',
        details: { exchange, routingKey: 'other', ids: ['refused'] },
      },
    })
    expect(await depth(queue)).toBe(1)
  })
})

describe('a publication whose confirmation is lost', () => {
  it('is not repeated in silence: the error names it, and what was sent is in the queue once', async () => {
    await using line = await startLine(server.port)
    const queue = newName()
    await using app = new Lovage('shop', {
      broker: server.url().replace(String(server.port), String(line.port)),
      backend: 'disabled://',
      taskDefaultQueue: queue,
      ...SETTINGS,
      env: {},
    })
    await app.sendTask('t')
    line.muteServer()
    const sent = Array.from({ length: 20 }, (_, n) => app.sendTask('t', { taskId: `sent-${n}` }))
    const outcomes = Promise.allSettled(sent)
    await vi.waitFor(async () => expect(await depth(queue)).toBe(21), WITHIN)
    line.cut()
    for (const [n, outcome] of (await outcomes).entries())
      expect(outcome).toMatchObject({
        reason: {
          code: 'LVG_PUBLISH_UNCERTAIN',
          details: { ids: expect.arrayContaining([`sent-${n}`]) },
        },
      })
    expect(await depth(queue)).toBe(21)
    // The next connection is made when it is needed.
    await app.sendTask('t')
    expect(await depth(queue)).toBe(22)
  })
})

describe('messages whose queue has gone while they were delayed', () => {
  it('stop nobody else, and become letters of their queue', async () => {
    const [gone, mail] = [newName(), newName()]
    // Only quorum queues hand a message on no sooner than the next place has it; those of the other tests are classic.
    const url = await server.createVhost('orphans')
    await using own = createTestApp('shop', { broker: url, backend: 'disabled://', taskDefaultQueue: mail })
    const runs: string[] = []
    own.task({ name: 'shop.mail', run: (_ctx, what: string) => void runs.push(what) })
    const send = (queue: string, what: string) =>
      own.sendTask('shop.mail', { args: [what], queue, countdown: 4, delay: 'store' })
    const orphans = await Promise.all(Array.from({ length: 100 }, (_, n) => send(gone, `orphan ${n}`)))
    const there = new AmqpConnection(parseAmqpUrls(url), 'operator', silentLogger)
    await (await there.channel()).deleteQueue(gone)
    await there.close()
    const worker = await startWorker(own, { queues: [mail] })
    await Promise.all(Array.from({ length: 5 }, (_, n) => send(mail, `mail ${n}`)))
    await until(() => runs.length === 5, { timeoutMs: 30_000 })
    const letters = async () =>
      (await (await coreOf(own).broker()).deadLetters.list({ queue: gone, limit: 200 })).items
    await until(async () => (await letters()).length === 100, { timeoutMs: 30_000 })
    expect(runs.sort()).toEqual(Array.from({ length: 5 }, (_, n) => `mail ${n}`))
    const [letter] = await letters()
    expect(letter).toMatchObject({ reason: 'unroutable', task: 'shop.mail', queue: gone })
    expect(orphans.map(({ id }) => id)).toContain(letter?.taskId)
    // Redriven, they run: their queue is declared again.
    await worker.stop()
    await own.deadLetters.retry({ queue: gone })
    const second = await startWorker(own, { queues: [gone] })
    await until(() => runs.length === 105, { timeoutMs: 30_000 })
    await second.stop()
  })
})

describe('what expires in its queue', () => {
  it('is told by the worker that gets it, not dropped by RabbitMQ', async () => {
    const queue = newName()
    await using app = createTestApp('shop', {
      broker: server.url(),
      taskDefaultQueue: queue,
      ...SETTINGS,
    })
    const work = app.task({ name: 'shop.work', run: (_ctx, n: number) => n })
    const late = await work.applyAsync([1], { expires: 0.2 })
    await new Promise((resolve) => setTimeout(resolve, 600))
    // It is there: RabbitMQ was told nothing of its time.
    expect(await depth(queue)).toBe(1)
    const worker = await startWorker(app, { queues: [queue] })
    await expect(late.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })
    await worker.stop()
  })

  it('ends the chord that it was a member of', async () => {
    const queue = newName()
    await using app = createTestApp('shop', {
      broker: server.url(),
      backend: `memory://${queue}`,
      taskDefaultQueue: queue,
      ...SETTINGS,
    })
    const work = app.task({ name: 'shop.work', run: (_ctx, n: number) => n })
    const told: string[] = []
    const sum = app.task({ name: 'shop.sum', run: (_ctx, all: readonly number[]) => all.length })
    const tell = app.task({ name: 'shop.tell', run: (_ctx, id: string) => void told.push(id) })
    const late = await chord([work.s(1), work.s(2).set({ expires: 0.2 })], sum.s().onError(tell.s())).delay()
    const kept = await group([work.s(1), work.s(2).set({ expires: 0.2 })], { onMemberFailure: 'ignore' })
      .pipe(sum.s())
      .delay()
    await new Promise((resolve) => setTimeout(resolve, 600))
    const worker = await startWorker(app, { queues: [queue] })
    await expect(late.get({ timeout: 20 })).rejects.toThrow('ChordError')
    // The body's errback is called, as after any failure.
    await until(() => told.includes(late.id), { timeoutMs: 20_000 })
    expect(await kept.get({ timeout: 20 })).toBe(1)
    await worker.stop()
  })

  it('is told when Python sends it, with a policy', async () => {
    const queue = newName()
    await server.ctl(
      'set_policy',
      'expired',
      `^${queue}$`,
      '{"dead-letter-exchange":"lovage_orphans"}',
      '--apply-to',
      'queues',
    )
    await using app = createTestApp('shop', {
      broker: server.url(),
      backend: `memory://${queue}`,
      taskDefaultQueue: queue,
      taskQueues: [queue, 'elsewhere'],
      ...SETTINGS,
    })
    app.task({ name: 'shop.work', run: (_ctx, n: number) => n })
    await broker.declare([{ name: queue }])
    const worker = await startWorker(app, { queues: ['elsewhere'] })
    await runPython(
      `app.send_task('shop.work', args=[1], queue='${queue}', expires=1, task_id='from-python')`,
      {
        broker: server.url(),
        backend: 'rpc://',
      },
    )
    const late = app.asyncResult('from-python')
    await expect(late.get({ timeout: 30 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })
    await worker.stop()
  })
})
