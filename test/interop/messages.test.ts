import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { decodeEnvelope, encodeEnvelope } from '../../packages/lovage/src/envelope/index.js'
import { MessageError } from '../../packages/lovage/src/kernel/index.js'
import {
  acceptList,
  type DecodeOptions,
  decodeTask,
  type EncodeOptions,
  encodeTask,
  type TaskCall,
  type TaskMessage,
} from '../../packages/lovage/src/message/index.js'

type Answer = Readonly<Record<string, unknown>>

/** Asks kombu and Celery many questions in one process. */
async function ask(questions: readonly object[]): Promise<readonly Answer[]> {
  const script = fileURLToPath(new URL('messages.py', import.meta.url))
  const python = spawn('/usr/bin/python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  python.stdin.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(''))
  const lines = (await text(python.stdout)).trim().split('\n')
  return lines.map((line): Answer => JSON.parse(line))
}

const CALL: TaskCall = {
  task: 't.add',
  id: '11441ee4-266c-40fb-a731-7e24e165e050',
  args: [1, 'é😀"\\', null, [true, -0.5]],
  kwargs: { big: 2n ** 63n - 1n, wide: 5_000_000_000, no: 'no', 'a-b': { deep: ['1e3', ''] } },
  routingKey: 'q',
}

const wire = (call: TaskCall, options: Partial<EncodeOptions> = {}) =>
  encodeEnvelope(encodeTask(call, { nowMs: 0, ...options }), () => 0, 'tag-1')

const ACCEPT: DecodeOptions = { accept: acceptList(['json', 'yaml', 'msgpack']), integers: 'bigint' }

function readBack(raw: unknown): TaskMessage {
  const message = decodeEnvelope(String(raw), () => undefined)
  const task = message instanceof MessageError ? message : decodeTask(message, ACCEPT)
  if (task instanceof MessageError) throw task
  return task
}

describe('Python reads what we write', () => {
  const ARGS = `[1, 'é😀"\\\\', None, [True, -0.5]]`
  const KWARGS = `{'big': 9223372036854775807, 'wide': 5000000000, 'no': 'no', 'a-b': {'deep': ['1e3', '']}}`

  test('in every serializer and compression', async () => {
    const combinations = ['json', 'msgpack', 'yaml'].flatMap((serializer) =>
      [undefined, 'gzip', 'zlib'].map((compression) => ({ serializer, compression: compression ?? null })),
    )
    const answers = await ask(combinations.map((options) => ({ raw: wire(CALL, options) })))
    for (const [i, answer] of answers.entries()) {
      expect([combinations[i], answer.error, answer.args, answer.kwargs]).toEqual([
        combinations[i],
        undefined,
        ARGS,
        KWARGS,
      ])
    }
  })

  test('with every header and property', async () => {
    const signature = {
      task: 't.add',
      args: [1],
      kwargs: {},
      options: {},
      subtask_type: null,
      immutable: false,
    }
    const [answer] = await ask([
      {
        raw: wire({
          ...CALL,
          eta: new Date('2027-01-01T09:00:00.500Z'),
          expires: new Date('2027-01-02T00:00:00Z'),
          timeLimit: [300, 200],
          retries: 2,
          group: 'g',
          groupIndex: 3,
          shadow: 'shown',
          headers: { custom: { a: 1 } },
          stampedHeaders: ['tenant'],
          stamps: { tenant: 'acme' },
          replyTo: 'reply',
          embed: { callbacks: [signature], chain: [], chord: signature },
        }),
      },
    ])
    expect(answer).toMatchObject({
      id: CALL.id,
      name: 'shown',
      eta: '2027-01-01T09:00:00.500000+00:00',
      expires: '2027-01-02T00:00:00+00:00',
      time_limits: [300, 200],
      embed: { callbacks: [signature], errbacks: null, chain: [], chord: signature },
      properties: {
        correlation_id: CALL.id,
        reply_to: 'reply',
        delivery_mode: 2,
        expiration: '1798848000000',
      },
      delivery_tag: 'tag-1',
    })
    expect(answer?.headers).toMatchObject({
      group: 'g',
      group_index: 3,
      retries: 2,
      custom: { a: 1 },
      stamps: { tenant: 'acme' },
    })
  })

  test('NaN, infinities, dates and bytes', async () => {
    const args = [Number.NaN, Number.NEGATIVE_INFINITY, 1e20, 2n ** 70n]
    const special = [new Date('2026-11-20T20:02:49.142Z'), Buffer.from([255, 0])]
    const [json, plain, yaml, msgpack] = await ask([
      { raw: wire({ ...CALL, args }) },
      { raw: wire({ ...CALL, args: special.slice(0, 1) }, { jsonTypes: 'plain' }) },
      { raw: wire({ ...CALL, args: [...args, ...special, 1e-7] }, { serializer: 'yaml' }) },
      { raw: wire({ ...CALL, args: [Number.NaN, 1e20, ...special.slice(1)] }, { serializer: 'msgpack' }) },
    ])
    expect(json?.args).toBe('[nan, -inf, 1e+20, 1180591620717411303424]')
    expect(plain?.args).toBe("['2026-11-20T20:02:49.142000+00:00']")
    expect(yaml?.args).toBe(
      '[nan, -inf, 1e+20, 1180591620717411303424, datetime.datetime(2026, 11, 20, 20, 2, 49, 142000, ' +
        "tzinfo=datetime.timezone.utc), b'\\xff\\x00', 1e-07]",
    )
    expect(msgpack?.args).toBe("[nan, 1e+20, b'\\xff\\x00']")
  })
})

describe('we read what Python writes', () => {
  const id = CALL.id
  const args = "(1, 'é😀', None, [True, 2.5])"
  const kwargs = "{'x': 9007199254740993, 'no': 'no', 'z': float('inf')}"

  test('in every serializer and compression, and in protocol 1', async () => {
    const questions = [
      ...['json', 'msgpack', 'yaml'].flatMap((serializer) =>
        [null, 'zlib', 'gzip'].map((compression) => ({ id, args, kwargs, serializer, compression })),
      ),
      { id, args, kwargs, protocol: 1 },
    ]
    for (const [i, answer] of (await ask(questions)).entries()) {
      expect(answer.error, JSON.stringify(questions[i])).toBeUndefined()
      const task = readBack(answer.raw)
      expect(task.headers).toMatchObject({ task: 't.add', id, retries: 0 })
      expect(task.args).toEqual([1, 'é😀', null, [true, 2.5]])
      expect(task.kwargs).toEqual({ x: 9_007_199_254_740_993n, no: 'no', z: Number.POSITIVE_INFINITY })
      expect(task.embed).toEqual({ callbacks: null, errbacks: null, chain: null, chord: null })
    }
  })

  test('with the same reprs as ours, where both have them', async () => {
    const samples: readonly (readonly [string, readonly unknown[]])[] = [
      ['()', []],
      ['(1,)', [1]],
      ["(1, 'a', None, True, 1.5)", [1, 'a', null, true, 1.5]],
      [`('say "hi"', 'é')`, ['say "hi"', 'é']],
      ["({'a': [1, 2]},)", [{ a: [1, 2] }]],
    ]
    const answers = await ask(samples.map(([python]) => ({ id, args: python, kwargs: '{}' })))
    for (const [i, answer] of answers.entries()) {
      const ours = encodeTask({ ...CALL, args: samples[i]?.[1] ?? [], kwargs: {} }, { nowMs: 0 }).headers
      const theirs = readBack(answer.raw).headers
      expect([theirs.argsrepr, theirs.kwargsrepr]).toEqual([ours.argsrepr, ours.kwargsrepr])
    }
  })

  test('with bzip2, and say why that cannot be read', async () => {
    const [answer] = await ask([{ id, args, kwargs, compression: 'bzip2' }])
    expect(() => readBack(answer?.raw)).toThrow('Node has no bzip2')
  })
})
