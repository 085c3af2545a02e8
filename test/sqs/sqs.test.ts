import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Lovage, startWorker } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Broker, ConsumeOptions, Delivery } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { sqsOptionsOf } from '../../packages/lovage/src/drivers/sqs/client/index.js'
import { entityName } from '../../packages/lovage/src/drivers/sqs/client/names.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { driverOptions, idOf, taskMessage } from '../redis/fleet.js'
import { type AwsServer, type RedisServer, startAws, startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 60_000 })

let aws: AwsServer
let redis: RedisServer
const brokers: Broker[] = []

beforeAll(async () => {
  ;[aws, redis] = await Promise.all([startAws(), startRedis()])
})
afterAll(async () => {
  await Promise.all(brokers.map((broker) => broker.close()))
  await aws?.stop()
  await redis?.stop()
})

async function open(url = aws.url, settings: Readonly<Record<string, unknown>> = {}): Promise<Broker> {
  const broker = await openBroker(url, driverOptions({ coordinationUrl: redis.url, ...settings }))
  brokers.push(broker)
  return broker
}

let names = 0
const newName = (): string => `q${++names}`

async function consume(broker: Broker, queue: string, over: Partial<ConsumeOptions> = {}) {
  const deliveries: Delivery[] = []
  const lost: string[] = []
  const consumer = await broker.consume({
    queues: [queue],
    holder: newId(),
    leaseMs: 30_000,
    visibilityTimeoutMs: 3_600_000,
    free: () => 100 - deliveries.length,
    onDeliveries: (some) => deliveries.push(...some),
    onLost: (tags) => lost.push(...tags),
    onError: () => {},
    clock: systemClock,
    logger: silentLogger,
    ...over,
  })
  const received = (count: number) =>
    until(() => deliveries.length >= count, { what: `${count} deliveries`, timeoutMs: 20_000 })
  return { consumer, deliveries, lost, received }
}

describe('on the wire', () => {
  test('queue names are kombu’s', () => {
    expect(entityName('a.b-c_d e:f/é')).toBe('a-b-c_d e_f_é')
    expect(entityName('orders.eu.fifo')).toBe('orders-eu.fifo')
  })

  test('a body is kombu’s envelope in base64, in a queue with the prefix', async () => {
    const broker = await open(aws.url, { brokerTransportOptions: { queue_name_prefix: 'shop.' } })
    await broker.publish([taskMessage('mail.eu', 'one')])
    const found = aws.inspect('shop-mail-eu')
    const [message] = found?.messages.ready ?? []
    const envelope: unknown = JSON.parse(Buffer.from(message?.body ?? '', 'base64').toString('utf8'))
    expect(envelope).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'utf-8',
      headers: { task: 'test.task', id: 'one' },
      properties: {
        body_encoding: 'base64',
        delivery_info: { exchange: '', routing_key: 'mail.eu' },
        delivery_mode: 2,
      },
    })
    expect(found?.attributes.VisibilityTimeout).toBe('1800')
  })

  test('a body that is no base64 is read as well, and written so with sqs_base64_encoding off', async () => {
    const queue = newName()
    const broker = await open(aws.url, { brokerTransportOptions: { sqs_base64_encoding: false } })
    await broker.publish([taskMessage(queue, 'plain')])
    expect(aws.inspect(queue)?.messages.ready[0]?.body).toMatch(/^\{"body":/)
    const { deliveries, received } = await consume(await open(), queue)
    await received(1)
    expect(deliveries.map(idOf)).toEqual(['plain'])
  })
})

describe('a claim', () => {
  test('of a holder that was cut off goes to another, is counted, and cannot be settled by the first', async () => {
    const [queue, elsewhere] = [newName(), newName()]
    const inside = await open(aws.innerUrl)
    await inside.declare([{ name: elsewhere }])
    await inside.publish([taskMessage(queue, 'held')])
    const mine: Delivery[] = []
    let taken = 0
    const cutOff = await consume(await open(), queue, {
      leaseMs: 1000,
      free: () => 1 - taken,
      onDeliveries: (some) => {
        taken += some.length
        mine.push(...some)
      },
    })
    await until(() => mine.length > 0, { what: 'the first delivery' })
    const interrupted = aws.interrupt(5000)
    const heir = await consume(inside, queue)
    await heir.received(1)
    expect(heir.deliveries.map(({ redeliveries }) => redeliveries)).toEqual([1])
    await interrupted
    const tag = mine[0]?.tag ?? ''
    const publish = [taskMessage(elsewhere, 'continuation')]
    expect(await cutOff.consumer.settle([{ kind: 'ack', tag, publish }])).toEqual([tag])
    expect((await inside.depths([elsewhere])).get(elsewhere)?.ready).toBe(0)
    expect(await heir.consumer.settle([{ kind: 'ack', tag: heir.deliveries[0]?.tag ?? '' }])).toEqual([])
  })

  test('that goes back uncounted is no loss, and one that does count is', async () => {
    const queue = newName()
    const broker = await open()
    await broker.publish([taskMessage(queue, 'a')])
    const { consumer, deliveries, received } = await consume(broker, queue)
    for (const [count, counts] of [
      [1, false],
      [2, true],
      [3, false],
    ] as const) {
      await received(count)
      const tag = deliveries[count - 1]?.tag ?? ''
      expect(await consumer.settle([{ kind: 'requeue', tag, counts }])).toEqual([])
    }
    await received(4)
    expect(deliveries.map(({ redeliveries }) => redeliveries)).toEqual([0, 0, 1, 1])
    expect(deliveries.map(({ message }) => 'headers' in message && message.redelivered)).toEqual([
      false,
      false,
      true,
      true,
    ])
  })
})

test('thousands arrive, each once', async () => {
  const queue = newName()
  const broker = await open()
  const ids = Array.from({ length: 2000 }, (_, index) => `t${String(index).padStart(5, '0')}`)
  await broker.publish(ids.map((id) => taskMessage(queue, id)))
  const all: string[] = []
  let held = 0
  const { consumer } = await consume(broker, queue, {
    free: () => 200 - held,
    onDeliveries: (some) => {
      held += some.length
      all.push(...some.map(idOf))
      void consumer.settle(some.map(({ tag }) => ({ kind: 'ack', tag }))).then(() => {
        held -= some.length
        consumer.demand()
      })
    },
  })
  await until(() => all.length >= ids.length, { what: 'all of them', timeoutMs: 30_000 })
  expect(all.toSorted()).toEqual(ids)
})

test('a worker with more queues than slots serves all of them', async () => {
  const queues = [newName(), newName(), newName()]
  const broker = await open()
  await broker.declare(queues.map((name) => ({ name })))
  const all: string[] = []
  let held = 0
  const { consumer } = await consume(broker, queues[0] ?? '', {
    queues,
    free: () => 1 - held,
    onDeliveries: (some) => {
      held += some.length
      all.push(...some.map(idOf))
      void consumer.settle(some.map(({ tag }) => ({ kind: 'ack', tag }))).then(() => {
        held -= some.length
        consumer.demand()
      })
    },
  })
  for (const [index, queue] of queues.entries()) {
    await broker.publish([taskMessage(queue, `in-${queue}`)])
    await until(() => all.length > index, { what: `the task of ${queue}`, timeoutMs: 20_000 })
  }
  expect(all).toEqual(queues.map((queue) => `in-${queue}`))
})

describe('a FIFO queue', () => {
  test('keeps order within a group, and drops a second message of a deduplication id', async () => {
    const queue = `${newName()}.fifo`
    const broker = await open()
    const message = (id: string, headers: Readonly<Record<string, unknown>>) => {
      const plain = taskMessage(queue, id)
      return { ...plain, headers: { ...plain.headers, ...headers } }
    }
    const ids = Array.from({ length: 25 }, (_, index) => `t${String(index).padStart(2, '0')}`)
    await broker.publish(ids.map((id) => message(id, { MessageGroupId: 'one' })))
    await broker.publish([message('first', { MessageGroupId: 'two', MessageDeduplicationId: 'same' })])
    await broker.publish([message('second', { MessageGroupId: 'two', MessageDeduplicationId: 'same' })])
    const seen: string[] = []
    const { consumer } = await consume(broker, queue, {
      free: () => 50,
      onDeliveries: (some) => {
        seen.push(...some.map(idOf))
        void consumer.settle(some.map(({ tag }) => ({ kind: 'ack', tag }))).then(() => consumer.demand())
      },
    })
    await until(() => seen.length >= 26, { what: 'all', timeoutMs: 20_000 })
    expect(seen.filter((id) => id.startsWith('t'))).toEqual(ids)
    expect(seen.filter((id) => !id.startsWith('t'))).toEqual(['first'])
  })

  test('without a store hides what is put off, and runs it then', async () => {
    const queue = `${newName()}.fifo`
    using folder = makeProject({})
    const deadLetterUrl = `sqlite://${folder.path('letters.db')}`
    const broker = await open(aws.url, { coordinationUrl: undefined, deadLetterUrl })
    await broker.publish([taskMessage(queue, 'late')])
    const { consumer, deliveries, received } = await consume(broker, queue)
    await received(1)
    const untilMs = Date.now() + 1500
    expect(await consumer.settle([{ kind: 'postpone', tag: deliveries[0]?.tag ?? '', untilMs }])).toEqual([])
    await received(2)
    expect(Date.now()).toBeGreaterThanOrEqual(untilMs - 15)
  })
})

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', {
  broker: process.env.BROKER, backend: process.env.STORE, coordinationUrl: process.env.STORE, brokerLease: 2,
  taskDefaultQueue: 'shop.fifo',
})
app.task({ name: 'mail.send', run: (_ctx, n) => { appendFileSync('runs.txt', n + '\\n'); return n } })`

test('what is due late waits in the store, and a worker killed between the two sends it on again', async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': APP })
  const cwd = shop.folder
  const settings = { broker: aws.url, backend: redis.url, coordinationUrl: redis.url, env: {} } as const
  await using app = new Lovage('shop', { ...settings, taskDefaultQueue: 'shop.fifo' })
  const task = app.remote<[n: number], number>({ name: 'mail.send', options: {} })
  const sent = await task.applyAsync([1], { countdown: 2, delay: 'store' })
  const far = await task.applyAsync([2], { countdown: 86_400, delay: 'store' })
  const depths = await (await open()).depths(['shop.fifo'])
  expect(depths.get('shop.fifo')).toMatchObject({ ready: 0, delayed: 2 })
  const args = ['-A', 'app.mjs', 'worker', '-l', 'info', '-P', 'async']
  const env = { BROKER: aws.url, STORE: redis.url }
  await using first = new Command(args, { cwd, env: { ...env, LOVAGE_CRASH_POINT: 'promote:after' } })
  expect(await first.exited).not.toBe(0)
  await using second = new Command(args, { cwd, env })
  expect(await sent.get({ timeout: 30 })).toBe(1)
  const runs = existsSync(shop.path('runs.txt')) ? readFileSync(shop.path('runs.txt'), 'utf8') : ''
  expect(new Set(runs.trim().split('\n'))).toEqual(new Set(['1']))
  expect(await far.state()).toBe('PENDING')
  second.signal('SIGTERM')
  expect(await second.exited).toBe(0)
})

test('a worker killed anywhere in a settlement loses nothing', async () => {
  using shop = makeProject({
    'package.json': '{"type":"module"}',
    'app.mjs': APP.replace('shop.fifo', 'kills'),
  })
  const cwd = shop.folder
  const settings = { broker: aws.url, backend: redis.url, coordinationUrl: redis.url, env: {} } as const
  await using app = new Lovage('shop', { ...settings, taskDefaultQueue: 'kills' })
  const task = app.remote<[n: number], number>({ name: 'mail.send', options: {} })
  const args = ['-A', 'app.mjs', 'worker', '-l', 'info', '-P', 'async']
  const env = { BROKER: aws.url, STORE: redis.url }
  const broker = await open()
  for (const point of ['claim:after', 'run:after', 'settle:after-continuation', 'settle:after-result']) {
    const sent = await task.delay(names++)
    await using first = new Command(args, { cwd, env: { ...env, LOVAGE_CRASH_POINT: point } })
    expect(await first.exited).not.toBe(0)
    await using second = new Command(args, { cwd, env })
    await second.says(/ ready/)
    expect(await sent.get({ timeout: 30 })).toBeTypeOf('number')
    // One that was killed before the ack leaves its message to the other.
    await until(
      async () => {
        const depth = (await broker.depths(['kills'])).get('kills')
        return depth?.ready === 0 && depth.unacked === 0
      },
      { what: 'an empty queue', timeoutMs: 20_000 },
    )
    second.signal('SIGTERM')
    expect(await second.exited).toBe(0)
  }
})

test('remote control, events, retries and chords work over the coordination store', async () => {
  const queue = newName()
  await using app = new Lovage('shop', {
    broker: aws.url,
    backend: redis.url,
    coordinationUrl: redis.url,
    taskDefaultQueue: queue,
    env: {},
  })
  const flaky = app.task({
    name: `${queue}.flaky`,
    maxRetries: 3,
    run: (ctx, n: number) => {
      if (ctx.retries < 1) throw ctx.retry({ countdown: 0 })
      return n
    },
  })
  await using _worker = await startWorker(app, { concurrency: 4 })
  expect(await (await flaky.delay(7)).get({ timeout: 20 })).toBe(7)
  expect(Object.values(await app.control.ping({ timeout: 5 }))).toEqual([{ ok: 'pong' }])
})

describe('clear errors', () => {
  test('a worker without a store for dead letters is refused at the start', async () => {
    const broker = await open(aws.url, { coordinationUrl: undefined })
    await broker.publish([taskMessage(newName(), 'producers need none')])
    await expect(consume(broker, newName())).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      message: 'SQS stores messages only: a worker’s dead letters need another store.',
    })
  })

  test('a message beyond 1 MiB is refused, and large payloads have a place elsewhere', async () => {
    const queue = newName()
    const broker = await open()
    const large = { ...taskMessage(queue, 'large'), body: JSON.stringify('x'.repeat(700_000)) }
    await expect(broker.publish([large])).rejects.toMatchObject({ code: 'LVG_MESSAGE_TOO_LARGE' })
    expect((await broker.depths([queue])).get(queue)?.ready).toBe(0)
  })

  const said = (type: string, message: string, status = 400) => ({ type, message, status })
  test.each([
    [
      said('com.amazon.coral.service#ExpiredTokenException', 'The security token has expired', 403),
      'LVG_CONNECTION_FAILED',
      /^The AWS credentials have expired/,
    ],
    [
      said('com.amazon.coral.service#UnrecognizedClientException', 'The security token is invalid', 403),
      'LVG_CONNECTION_REFUSED',
      /^AWS refused the credentials/,
    ],
    [
      said('com.amazonaws.sqs#AccessDeniedException', 'not authorized to perform: sqs:getqueueurl', 403),
      'LVG_CONNECTION_REFUSED',
      /^AWS denied a permission .*sqs:getqueueurl/,
    ],
    [said('com.amazonaws.sqs#InvalidAddress', 'The address is not valid'), 'LVG_SQS_REFUSED', /^SQS refused/],
  ])('%o', async ({ type, message, status }, code, text) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(JSON.stringify({ __type: type, message }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const broker = await open(`sqs://key:secret@127.0.0.1:${port}?region=us-east-1`)
    const failed = await broker.publish([taskMessage('q', 'a')]).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code, message: expect.stringMatching(text) })
    expect(String(failed)).not.toContain('secret')
    expect(String(failed)).not.toContain('\n')
    await new Promise((resolve) => server.close(resolve))
  })

  test.each([
    ['sqs://key@', {}, /both the access key and its secret/],
    ['sqs://key:%zz@', {}, /not percent-encoded/],
    ['sqs://', { predefined_queues: { a: {} } }, /predefined_queues\.a has no url/],
    ['sqs://', { predefined_queues: { a: { url: 'https://sqs/1/a.fifo' } } }, /both end with \.fifo/],
    ['sqs://', { wait_time_seconds: 21 }, /wait_time_seconds is not a number of seconds from 0 to 20/],
    ['sqs://', { region: 5 }, /region is not a text/],
  ])('%s %o', (url, brokerTransportOptions, text) => {
    expect(() => sqsOptionsOf(url, { brokerTransportOptions })).toThrow(text)
  })

  test('a queue that is not predefined is named', async () => {
    const broker = await open(aws.url, {
      brokerTransportOptions: { predefined_queues: { a: { url: `http://${aws.host}/000000000000/a` } } },
    })
    await expect(broker.publish([taskMessage('other', 'a')])).rejects.toMatchObject({
      message: 'SQS: the queue other is not among predefined_queues.',
    })
  })
})
