import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { BROKERS, type RunningBroker } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
const address = { exchange: 'reply.celery.pidbox', routing_key: 'nobody' }
/** Would write into the queue of tasks, if it were believed. */
const forged = { exchange: '', routing_key: 'ts' }

/** What is no request: refused, and logged as unreadable. */
const UNREADABLE: readonly (readonly [what: string, body: string])[] = [
  ['null', 'null'],
  ['a list', '[]'],
  ['a text', '"ping"'],
  ['no method', '{}'],
  ['a number as method', '{"method": 7}'],
  ['an empty method', '{"method": ""}'],
  ['a method of 10,000 letters', JSON.stringify({ method: 'x'.repeat(10_000) })],
  ['a list of arguments', '{"method": "ping", "arguments": [1]}'],
  ['a text of arguments', '{"method": "ping", "arguments": "all"}'],
  ['an object as destination', '{"method": "ping", "destination": {"a": 1}}'],
  ['numbers as destination', '{"method": "ping", "destination": [1]}'],
  ['a number as pattern', '{"method": "ping", "pattern": 1}'],
  ['broken JSON', '{broken'],
  ['nothing', ''],
  ['bytes that are no text', '\u0000\ufffd'],
  ['nesting without an end', `{"method": "ping", "arguments": {"a": ${nested(100_000)}}}`],
  ['nesting beyond all use', `{"method": "ping", "x": ${nested(2000)}}`],
  ['a field that names an object’s own prototype', '{"method": "ping", "__proto__": {"method": "shutdown"}}'],
  ['more than 2.5 MiB', JSON.stringify({ method: 'ping', x: 'x'.repeat(3 * 1024 * 1024) })],
]

/** What is a request to nobody here, or wants an answer where none may go. */
const UNHEARD: readonly (readonly [what: string, body: Readonly<Record<string, unknown>>])[] = [
  ['a forged address of the answer', { method: 'ping', ticket: 't', reply_to: forged }],
  [
    'an address that is no text',
    { method: 'ping', ticket: 't', reply_to: { ...address, routing_key: { $: 1 } } },
  ],
  [
    'an address with a space and a star',
    { method: 'ping', ticket: 't', reply_to: { ...address, routing_key: '* x' } },
  ],
  ['an address that nobody waits at', { method: 'ping', ticket: 't', reply_to: address }],
  ['a ticket that is an object', { method: 'ping', ticket: { a: 1 }, reply_to: address }],
  ['an expression that does not end', { method: 'shutdown', pattern: '(a+)+$', matcher: 'pcre' }],
  ['an expression that is none', { method: 'shutdown', pattern: '([', matcher: 'pcre' }],
  ['a pattern of 10,000 letters', { method: 'shutdown', pattern: '?'.repeat(10_000), matcher: 'glob' }],
  ['a matcher that is none', { method: 'shutdown', pattern: '*', matcher: 'constructor' }],
  ['another node', { method: 'shutdown', destination: ['other@box'] }],
]

/** Commands with arguments that nobody may obey; what is answered. */
const WRONG: readonly (readonly [method: string, args: Readonly<Record<string, unknown>>, error: RegExp])[] =
  [
    ['nosuch', {}, /KeyError/],
    ['constructor', {}, /KeyError/],
    ['__proto__', {}, /KeyError/],
    ['toString', {}, /KeyError/],
    ['revoke', {}, /task_id/],
    ['revoke', { task_id: { a: 1 } }, /task_id/],
    ['revoke', { task_id: [1, 2] }, /task_id/],
    ['revoke', { task_id: Array.from({ length: 50_001 }, (_, n) => `${n}`) }, /50000/],
    ['terminate', { task_id: null, signal: {} }, /task_id/],
    ['revoke_by_stamped_headers', { headers: 7 }, /headers/],
    ['revoke_by_stamped_headers', { headers: ['no value'] }, /value/],
    ['rate_limit', { task_name: 'ts.add', rate_limit: {} }, /rate_limit/],
    ['rate_limit', { task_name: 'ts.add', rate_limit: 'often' }, /rate/],
    ['rate_limit', { task_name: 'ts.add', rate_limit: -1 }, /rate/],
    ['rate_limit', { task_name: ['ts.add'], rate_limit: 1 }, /task_name/],
    ['time_limit', { task_name: 'ts.add', hard: 'long' }, /hard/],
    ['time_limit', { task_name: 'ts.add', hard: -1 }, /limit/],
    ['time_limit', { task_name: 'ts.add', hard: 1, soft: 2 }, /soft/],
    ['add_consumer', { queue: null }, /queue/],
    ['add_consumer', { queue: 'x'.repeat(256) }, /queue/],
    ['add_consumer', { queue: 'a\u0006\u0016b' }, /queue/],
    ['add_consumer', { queue: 'a', exchange: 'a', exchange_type: 'headers' }, /exchange_type/],
    ['add_consumer', { queue: 'a', exchange: { b: 1 } }, /exchange/],
    ['cancel_consumer', { queue: ['ts'] }, /queue/],
    ['pool_grow', { n: 'many' }, /n must be a number/],
    ['pool_grow', { n: 0.5 }, /whole number/],
    ['pool_grow', { n: -1 }, /whole number/],
    ['pool_grow', { n: 1e9 }, /100000/],
    ['pool_grow', { n: null }, /number/],
    ['pool_shrink', { n: 1000 }, /one slot/],
    ['autoscale', { max: 'all' }, /Autoscale not enabled/],
    ['pool_restart', {}, /children/],
    ['query_task', { ids: { a: 1 } }, /ids/],
    ['registered', { taskinfoitems: [{}] }, /taskinfoitems/],
    ['objgraph', { num: 1e9 }, /objgraph|object graphs/],
  ]

describe.each(BROKERS)('hostile control messages on $name', ({ start }) => {
  let broker: RunningBroker
  let app: Lovage
  let worker: Worker
  let isShutDown = false
  let refused: string[] = []
  const to = { destination: 'ts@box', timeout: 20 }

  beforeAll(async () => {
    broker = await start()
    const logger: Lovage['logger'] = {
      debug() {},
      info() {},
      warn: (_fields, text) => void refused.push(text),
      error: (_fields, text) => void refused.push(`ERROR ${text}`),
      child: () => logger,
    }
    app = createTestApp('ts', { broker: broker.url, backend: broker.backend, taskDefaultQueue: 'ts', logger })
    app.task({ name: 'ts.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
    worker = await startTestWorker(app, {
      hostname: 'ts@box',
      concurrency: 2,
      onShutdown: () => {
        isShutDown = true
      },
    })
  })
  afterAll(async () => {
    await worker?.stop()
    await app?.close()
    await broker?.stop()
  })

  const say = async (body: string, headers: Readonly<Record<string, unknown>> = {}) =>
    (await coreOf(app).broker()).broadcast({
      headers,
      body,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
      exchange: 'celery.pidbox',
      routingKey: '',
    })
  /** The worker is as it was, obeys, and works. */
  const isWell = async () => {
    expect(await app.control.ping(to)).toEqual({ 'ts@box': { ok: 'pong' } })
    expect(isShutDown).toBe(false)
    expect(worker.pool.slots).toBe(2)
    expect(worker.queues).toEqual(['ts'])
    expect((await (await coreOf(app).broker()).depths(['ts'])).get('ts')).toMatchObject({
      ready: 0,
      delayed: 0,
    })
    const sum = await app.sendTask('ts.add', { args: [1, 2] })
    expect(await sum.get({ timeout: 20 })).toBe(3)
  }

  test.each(UNREADABLE)('%s is refused and logged', async (_what, body) => {
    refused = []
    await say(body)
    await until(() => refused.length > 0, { timeoutMs: 20_000 })
    expect(refused).toEqual([expect.stringMatching(/^A control message cannot be read: .{1,300}$/)])
    await isWell()
  })

  test.each(UNHEARD)('%s harms nobody', async (_what, body) => {
    await say(JSON.stringify(body))
    await isWell()
  })

  test.each(WRONG)(
    '%s with arguments that nobody may obey (%#) is answered by an error, and logged',
    async (method, args, error) => {
      refused = []
      const answers = await app.control.broadcast(method, args, to)
      expect(answers).toEqual({ 'ts@box': { error: expect.stringMatching(error) } })
      if (!/KeyError/.test(String(error))) expect(refused).toEqual(['a control command failed'])
      await isWell()
    },
  )

  test('clocks beyond all reason, in headers of any kind, change no clock', async () => {
    for (const clock of [2 ** 53 - 1, -1, 1.5, '7', null, {}, [1]])
      await say('{"method": "ping"}', { clock, expires: { a: 1 }, ticket: 7 })
    await isWell()
    expect(coreOf(app).logicalClock.value).toBeLessThan(2 ** 32)
  })

  test('a flood is answered or refused, and passes', async () => {
    const flood = JSON.stringify({ method: 'stats', ticket: 't', reply_to: address })
    await Promise.all(Array.from({ length: 3000 }, () => say(flood)))
    await isWell()
  })
})
