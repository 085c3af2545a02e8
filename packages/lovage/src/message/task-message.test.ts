import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LovageError, MessageError } from '../kernel/index.js'
import {
  customHeaders,
  type DecodeOptions,
  decodeBody,
  decodeTask,
  encodeTask,
  type Message,
  NO_EMBED,
  readHeaders,
  type TaskCall,
  type TaskMessage,
} from './index.js'

const golden = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/celery/messages.json', import.meta.url), 'utf8'),
)

/** A message of these headers and this body; a string is the body itself. */
function message(headers: Record<string, unknown>, body: unknown): Message {
  return {
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: { correlationId: null, replyTo: null, deliveryMode: 2 },
    exchange: '',
    routingKey: 'q',
  }
}

function read(from: Message, options?: DecodeOptions): TaskMessage {
  const task = decodeTask(from, options)
  if (task instanceof MessageError) throw task
  return task
}

function problem(from: Message, options?: DecodeOptions): MessageError {
  const task = decodeTask(from, options)
  if (task instanceof MessageError) return task
  throw new Error('was taken')
}

const V2: Record<string, unknown> = golden.v2.headers
const CALL: TaskCall = { task: 't.add', id: 'id-1', args: [1, 2], kwargs: {}, routingKey: 'q' }

describe('a task message of Celery', () => {
  test('is read with headers, arguments and what follows', () => {
    expect(read(message(V2, golden.v2.body))).toEqual({
      headers: V2,
      args: [1, 2],
      kwargs: {},
      embed: NO_EMBED,
    })
    const chained = read(message(V2, golden.chained.body))
    expect(chained.embed).toEqual(golden.chained.body[2])
    const stamped = read(message(golden.stamped.headers, golden.stamped.body))
    expect(stamped.headers.stamps).toEqual({ tenant: 'acme', tags: ['a', 'b'] })
  })

  test('may have the fewest headers that Python accepts, and no embed', () => {
    for (const embed of [{}, null]) {
      const task = read(message(golden.minimal.headers, [[1, 2], {}, embed]))
      expect(task.embed).toEqual(NO_EMBED)
      expect(task.headers).toEqual({
        ...Object.fromEntries(Object.keys(V2).map((name) => [name, null])),
        task: 't.add',
        id: V2.id,
        retries: 0,
        replaced_task_nesting: 0,
        stamps: {},
        lang: '',
        argsrepr: '',
        kwargsrepr: '',
        origin: '',
        ignore_result: undefined,
      })
      // Absent, so that the task's own setting holds.
      expect('ignore_result' in task.headers).toBe(false)
    }
  })

  test('of protocol 1 is read too, its callbacks and its old name of the group', () => {
    const body = { ...golden.protocol1.body, taskset: 'g-1', group: 'other' }
    const task = read(message({}, body))
    expect(task).toMatchObject({ args: [1, 2], kwargs: { y: 1 } })
    expect(task.headers).toMatchObject({
      task: 't.add',
      id: body.id,
      group: 'g-1',
      eta: body.eta,
      retries: 0,
    })
    expect(task.embed).toEqual({ ...NO_EMBED, callbacks: [golden.signature] })
    expect('args' in task.headers || 'utc' in task.headers).toBe(false)
  })

  test('of both protocols at once takes its headers first', () => {
    const body = { ...golden.protocol1.body, retries: 3 }
    const task = read(message({ task: 't.other', id: 'h-1' }, body))
    expect(task.headers).toMatchObject({ task: 't.other', id: 'h-1', retries: 3, eta: body.eta })
    expect(task.args).toEqual([1, 2])
  })

  test('keeps the headers of its user apart from those of protocol and brokers', () => {
    const headers = { ...golden.retried.headers, redelivered: true, 'x-death': [], tenant: { id: 1 } }
    expect(customHeaders(read(message(headers, golden.retried.body)).headers)).toEqual({
      custom: 1,
      tenant: { id: 1 },
    })
  })

  test('has headers that are read without its body', () => {
    const headers = readHeaders(message(V2, 'not even JSON'))
    if (headers instanceof MessageError) throw headers
    expect(headers.task).toBe('t.add')
    const body = decodeBody(message(V2, 'not even JSON'), headers)
    expect(body).toBeInstanceOf(MessageError)
    expect(body).toMatchObject({ code: 'LVG_MESSAGE_UNDECODABLE', details: { task: 't.add', id: V2.id } })
  })

  test('gets defaults for what its signatures lack', () => {
    const task = read(message(V2, [[], {}, { callbacks: [{ task: 't.next' }] }]))
    expect(task.embed.callbacks).toEqual([
      { task: 't.next', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false },
    ])
  })
})

describe('a malformed task message', () => {
  const good = golden.v2.body
  const cases: readonly (readonly [string, Record<string, unknown>, unknown])[] = [
    ['has no id', { ...V2, id: undefined }, good],
    ['has no id', { task: 't.add' }, good],
    ['has no id', { ...V2, id: '' }, good],
    ['header task', { ...V2, task: 5 }, good],
    ['header task', { ...V2, task: '' }, good],
    ['timelimit', { ...V2, timelimit: [1] }, good],
    ['timelimit', { ...V2, timelimit: 300 }, good],
    ['timelimit', { ...V2, timelimit: ['1', null] }, good],
    ['timelimit', { ...V2, timelimit: [-1, null] }, good],
    ['eta', { ...V2, eta: 1763668969 }, good],
    ['eta', { ...V2, eta: 'tomorrow' }, good],
    ['expires', { ...V2, expires: 5.5 }, good],
    ['retries', { ...V2, retries: 'two' }, good],
    ['retries', { ...V2, retries: -1 }, good],
    ['group_index', { ...V2, group_index: 0.5 }, good],
    ['group ', { ...V2, group: 5 }, good],
    ['root_id', { ...V2, root_id: [] }, good],
    ['stamps', { ...V2, stamps: [] }, good],
    ['stamped_headers', { ...V2, stamped_headers: [1] }, good],
    ['compression', { ...V2, compression: 5 }, good],
    ['list of args', V2, [[], {}]],
    ['list of args', V2, [[], {}, {}, {}]],
    ['list of args', V2, 'null'],
    ['list of args', V2, { a: 1 }],
    ['args is not a list', V2, [{}, {}, {}]],
    ['kwargs is not an object', V2, [[], [], {}]],
    ['kwargs is not an object', V2, [[], null, {}]],
    ['kwargs is not an object', V2, [[], { __type__: 'date', __value__: '2026-11-20' }, {}]],
    ['embed is neither', V2, [[], {}, []]],
    ['callbacks is neither', V2, [[], {}, { callbacks: golden.signature }]],
    ['errbacks holds', V2, [[], {}, { errbacks: [5] }]],
    ['chain holds a signature without', V2, [[], {}, { chain: [{}] }]],
    ['the args of t', V2, [[], {}, { chain: [{ task: 't', args: {} }] }]],
    ['the kwargs of t', V2, [[], {}, { chain: [{ task: 't', kwargs: [] }] }]],
    ['the options of t', V2, [[], {}, { chord: { task: 't', options: null } }]],
    ['the subtask_type of t', V2, [[], {}, { chord: { task: 't', subtask_type: 1 } }]],
    ['name a task', {}, [[], {}, {}]],
    ['name a task', {}, {}],
    ['has no id', {}, { task: 't.add', args: [] }],
    ['args is not a list', {}, { task: 't.add', id: 'i', args: 5 }],
  ]
  for (const [reason, headers, body] of cases) {
    test(`${reason}: ${JSON.stringify(body).slice(0, 50)}`, () => {
      const error = problem(message(headers, body))
      expect(error.code).toBe('LVG_MESSAGE_MALFORMED')
      expect(error.message).toContain(reason)
    })
  }

  test('is undecodable, unaccepted or too large by its own code', () => {
    expect(problem(message(V2, '[')).code).toBe('LVG_MESSAGE_UNDECODABLE')
    expect(problem(message({}, '[')).code).toBe('LVG_MESSAGE_UNDECODABLE')
    expect(problem({ ...message(V2, good), contentType: 'application/x-yaml' }).code).toBe(
      'LVG_MESSAGE_UNACCEPTED',
    )
    expect(problem(message(V2, good), { maxBytes: 10 }).code).toBe('LVG_MESSAGE_TOO_LARGE')
    expect(problem(message(V2, ['é'.repeat(60)]), { maxBytes: 100 }).code).toBe('LVG_MESSAGE_TOO_LARGE')
    expect(problem(message({ ...V2, compression: 'application/x-snappy' }, good)).code).toBe(
      'LVG_MESSAGE_UNDECODABLE',
    )
    const bomb = encodeTask({ ...CALL, args: ['x'.repeat(100_000)] }, { nowMs: 0, compression: 'gzip' })
    expect(problem(bomb, { maxBytes: 50_000 }).code).toBe('LVG_MESSAGE_TOO_LARGE')
    expect(problem(message(V2, '[[9007199254740993],{},{}]'))).toMatchObject({
      code: 'LVG_MESSAGE_INTEGER_RANGE',
      details: { path: 'args[0]', id: V2.id },
    })
  })

  test('never throws, whatever is in it', () => {
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true })
    const headers = fc.oneof(
      fc.dictionary(fc.constantFrom(...Object.keys(V2), 'compression', 'x'), anything),
      fc
        .tuple(fc.constantFrom(...Object.keys(V2)), anything)
        .map(([name, value]) => ({ ...V2, [name]: value })),
    )
    const body = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json(),
      fc.tuple(fc.jsonValue(), fc.jsonValue(), fc.jsonValue()).map((triple) => JSON.stringify(triple)),
    )
    fc.assert(
      fc.property(headers, body, (someHeaders, someBody) => {
        const task = decodeTask({ ...message(someHeaders, ''), body: someBody })
        expect(task instanceof MessageError || Array.isArray(task.args)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a call', () => {
  test('becomes a message with Celery’s headers in Celery’s order', () => {
    const sent = encodeTask({ ...CALL, origin: 'gen1@host' }, { nowMs: 0 })
    expect(Object.keys(sent.headers)).toEqual(Object.keys(V2))
    expect(sent).toEqual({
      headers: { ...V2, lang: 'js', id: 'id-1', root_id: 'id-1', origin: 'gen1@host' },
      body: '[[1,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: 'id-1', replyTo: null, deliveryMode: 2 },
      exchange: '',
      routingKey: 'q',
    })
    expect(encodeTask(CALL, { nowMs: 0 }).headers.origin).toMatch(/^gen\d+@/)
  })

  test('carries every option', () => {
    const call: TaskCall = {
      ...CALL,
      kwargs: { at: new Date(0) },
      embed: { callbacks: [golden.signature], chain: [] },
      eta: new Date(60_000),
      expires: '1970-01-01T00:02:00Z',
      retries: 1,
      timeLimit: [10, null],
      shadow: 's',
      group: 'g',
      groupIndex: 0,
      rootId: 'r',
      parentId: 'p',
      ignoreResult: true,
      replacedTaskNesting: 1,
      stampedHeaders: ['t'],
      stamps: { t: 1 },
      headers: { mine: [1] },
      argsRepr: '(***)',
      kwargsRepr: '{***}',
      replyTo: 'me',
      priority: 9,
      deliveryMode: 1,
      exchange: 'x',
      dueMs: 60_000,
    }
    const sent = encodeTask(call, { nowMs: 30_000, compression: 'gzip' })
    const { origin: _origin, ...headers } = sent.headers
    expect(headers).toEqual({
      lang: 'js',
      task: 't.add',
      id: 'id-1',
      shadow: 's',
      eta: '1970-01-01T00:01:00.000000+00:00',
      expires: '1970-01-01T00:02:00Z',
      group: 'g',
      group_index: 0,
      retries: 1,
      timelimit: [10, null],
      root_id: 'r',
      parent_id: 'p',
      argsrepr: '(***)',
      kwargsrepr: '{***}',
      ignore_result: true,
      replaced_task_nesting: 1,
      stamped_headers: ['t'],
      stamps: { t: 1 },
      mine: [1],
      compression: 'application/x-gzip',
    })
    expect(sent.properties).toEqual({
      correlationId: 'id-1',
      replyTo: 'me',
      deliveryMode: 1,
      priority: 9,
      expiration: '90000',
    })
    expect([sent.exchange, sent.routingKey, sent.dueMs]).toEqual(['x', 'q', 60_000])
    expect(read(sent)).toEqual({
      headers: sent.headers,
      args: [1, 2],
      kwargs: { at: new Date(0) },
      embed: { callbacks: [golden.signature], errbacks: null, chain: [], chord: null },
    })
  })

  test('that has expired already says 0', () => {
    expect(encodeTask({ ...CALL, expires: new Date(5) }, { nowMs: 10 }).properties.expiration).toBe('0')
  })

  test('is read back as it was, in every serializer and compression', () => {
    const accept = { types: new Set(['application/json', 'application/x-msgpack', 'application/x-yaml']) }
    const text = fc.string().filter((name) => !name.startsWith('__'))
    const value = fc.oneof(
      fc.string(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
    )
    fc.assert(
      fc.property(
        fc.array(value),
        fc.dictionary(text, value, { noNullPrototype: true }),
        fc.constantFrom('json', 'msgpack', 'yaml'),
        fc.constantFrom(null, 'gzip', 'brotli'),
        (args, kwargs, serializer, compression) => {
          const sent = encodeTask({ ...CALL, args, kwargs }, { nowMs: 0, serializer, compression })
          expect(read(sent, { accept })).toEqual({ headers: sent.headers, args, kwargs, embed: NO_EMBED })
        },
      ),
    )
  })

  test('that cannot be sent says why', () => {
    const refusal = (change: Partial<TaskCall>, options = {}): string => {
      try {
        encodeTask({ ...CALL, ...change }, { nowMs: 0, ...options })
        return 'sent'
      } catch (error) {
        return error instanceof LovageError ? `${error.code} ${error.message}` : `threw ${String(error)}`
      }
    }
    expect(refusal({ args: [{ f: () => 1 }] })).toMatch(
      /^LVG_MESSAGE_UNSERIALISABLE args\[0\]\.f cannot be sent/,
    )
    expect(refusal({ kwargs: { m: new Map() } }, { serializer: 'msgpack' })).toMatch(
      /UNSERIALISABLE kwargs\.m cannot/,
    )
    expect(refusal({ args: ['x'.repeat(1000)] }, { maxBytes: 500 })).toMatch(/^LVG_MESSAGE_TOO_LARGE/)
    expect(refusal({ headers: { id: 'x' } })).toMatch(
      /^LVG_MESSAGE_UNSERIALISABLE headers\.id .* belongs to the protocol/,
    )
    expect(refusal({ eta: 'soon' })).toMatch(/^LVG_MESSAGE_MALFORMED eta/)
    expect(refusal({ eta: new Date(Number.NaN) })).toMatch(/^LVG_MESSAGE_UNSERIALISABLE eta/)
    expect(refusal({}, { serializer: 'pickle' })).toMatch(/^LVG_CONFIG_INVALID pickle/)
    expect(refusal({}, { compression: 'lzma' })).toMatch(/^LVG_CONFIG_INVALID .*LZMA/)
  })
})

test('an integer that its reader refuses is refused at the call, by its path', () => {
  const call = { ...CALL, args: [1, { big: 2n ** 60n }] }
  expect(() => encodeTask(call, { nowMs: 0, integers: 'number' })).toThrow(
    /args\[1\]\.big is the integer 1152921504606846976/,
  )
  const sent = encodeTask(call, { nowMs: 0 })
  expect(String(sent.body)).toContain('1152921504606846976')
  expect(() => encodeTask({ ...CALL, args: [5n] }, { nowMs: 0, integers: 'number' })).not.toThrow()
})
