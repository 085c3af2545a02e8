import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeTask } from './encode-task.js'
import { decodeJson } from './json.js'
import { type LaterSteps, laterSteps, readAroundSteps } from './later-steps.js'
import { BODY_ROOT } from './path.js'
import { decodeTask } from './task-message.js'
import type { Embed, WireSignature } from './types.js'

/** As Python's json.dumps writes it, all but ASCII escaped. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, one]) => `${pythonJson(name)}: ${pythonJson(one)}`)
      .join(', ')}}`
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const step = (place: number, over: Partial<WireSignature> = {}): WireSignature => ({
  task: 'csv.clean',
  args: [],
  kwargs: {},
  options: { task_id: `step-${place}` },
  subtask_type: null,
  immutable: false,
  ...over,
})

/** Long enough to be taken apart. */
const body = (
  chain: readonly WireSignature[],
  args: readonly unknown[] = [],
  rest: object = { callbacks: null, errbacks: null },
): unknown => [[...args, 'x'.repeat(1_500)], {}, { ...rest, chain, chord: null }]

const unread = (read: unknown): LaterSteps | undefined => laterSteps((read as readonly [0, 0, Embed])[2])

/** What is read must be what the reader of the whole reads; and the steps, one at a time, must be those of the list. */
function expectSame(text: string, read: unknown): void {
  const value = decodeJson(text, { integers: 'bigint' }, BODY_ROOT) as readonly [0, 0, Embed]
  let later = unread(read)
  expect(read).toEqual(value)
  for (const one of [...(value[2].chain ?? [])].reverse()) {
    expect(later?.next).toEqual(one)
    later = later?.withoutNext()
    expect(JSON.parse(later?.json() ?? '')).toEqual(later?.all())
  }
  expect(later?.next).toBeUndefined()
  expect(later?.json()).toBe('[]')
}

describe('readAroundSteps', () => {
  it.each([
    ['this package', JSON.stringify],
    ['Python', pythonJson],
  ])('leaves the steps of a body that %s wrote unread', (_who, write) => {
    const text = write(
      body([
        step(1, { options: { task_id: 'a', link_error: [step(2)], priority: 3 } }),
        step(2, { args: ['naïve "quoted" \\ text', -1.5, [null, true]], kwargs: { a: { b: 1 } } }),
        step(3, { subtask_type: 'chunks', immutable: true }),
      ]),
    )
    const read = readAroundSteps(text, {})
    expect(unread(read)).toBeDefined()
    expectSame(text, read)
  })

  it.each([
    ['an integer that a number does not hold', step(1, { args: [0] }), '[0]', '[9007199254740993]'],
    ['a typed value', step(1, { kwargs: { at: { __type__: 'datetime', __value__: 'x' } } })],
    ['a name written with escapes', step(1, { args: ['x'] }), '"x"', '"\\u005f"'],
    ['NaN', step(1, { args: [0] }), '[0]', '[NaN]'],
    ['a step without a task', step(1, { task: '' })],
    ['arguments that are no list', step(1), '"args":[]', '"args":{}'],
    ['a field given twice', step(1), '"args":[]', '"args":[],"args":[]'],
    ['a step in a step', step(1, { kwargs: { tasks: [step(2)] }, subtask_type: 'group' })],
    ['a comma too many', step(1, { args: [1] }), '[1]', '[1,]'],
    ['a step that is cut', step(1), ',"immutable":false}', ''],
  ])('reads a body with %s as a whole', (_what, one, from = '', to = '') => {
    const text = JSON.stringify(body([step(0), one, step(2)]))
    expect(readAroundSteps(from === '' ? text : text.replace(from, to), {})).toBeUndefined()
  })

  it('takes no steps but those of the embed', () => {
    const inArguments = JSON.stringify([[{ chain: [step(1)] }, 'x'.repeat(1_500)], {}, { chain: [step(2)] }])
    expect(readAroundSteps(inArguments, {})).toBeUndefined()
    const inCallback = body([step(1)], [], { callbacks: [step(2, { options: { chain: [step(3)] } })] })
    expect(readAroundSteps(JSON.stringify(inCallback), {})).toBeUndefined()
    const marked = JSON.stringify([
      [{ chain: [step(1)] }, 'x'.repeat(1_500)],
      {},
      { chain: ['lovage:later-steps'] },
    ])
    expect(readAroundSteps(marked, {})).toBeUndefined()
  })

  it('reads what the reader of the whole reads, or leaves it to that', () => {
    const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constant(0.25))
    const value = fc.oneof(
      { arbitrary: scalar, weight: 20 },
      { arbitrary: fc.array(scalar, { maxLength: 3 }), weight: 4 },
      { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 },
    )
    const fields = fc.dictionary(fc.string(), value, { maxKeys: 3 })
    const steps = fc.array(
      fc.record({
        task: fc.string({ minLength: 1 }),
        args: fc.array(value, { maxLength: 3 }),
        kwargs: fields,
        options: fields,
        subtask_type: fc.constantFrom(null, 'chain', ''),
        immutable: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    )
    const changes = fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        by: fc.constantFrom('', ...'"\\{}[],:0.-e _', '\n', '__', '\\u005f', '9'.repeat(17)),
        isCut: fc.boolean(),
      }),
      { maxLength: 2 },
    )
    let taken = 0
    fc.assert(
      fc.property(
        steps,
        fc.array(value, { maxLength: 2 }),
        fc.boolean(),
        changes,
        (chain, args, isOurs, changed) => {
          let text = (isOurs ? JSON.stringify : pythonJson)(body(chain, args))
          const from = text.indexOf('"chain"')
          for (const { at, by, isCut } of changed) {
            const place = from + Math.floor(at * (text.length - from))
            text = text.slice(0, place) + by + text.slice(place + (isCut ? 1 : 0))
          }
          const read = readAroundSteps(text, { integers: 'bigint' })
          if (read === undefined) return
          taken++
          expectSame(text, read)
        },
      ),
      { numRuns: 3_000 },
    )
    expect(taken).toBeGreaterThan(300)
  })

  it('passes the rest on as it came, and reads it where it is asked for', () => {
    const chain = [step(0, { args: [1.0] }), step(1, { args: ['\u00e9'] }), step(2)]
    const text = pythonJson(body(chain)).replace('[1]', '[1.0]')
    const headers = { task: 'csv.clean', id: 'a', retries: 0 }
    const message = {
      headers,
      body: text,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 2 as const },
      exchange: '',
      routingKey: 'q',
    }
    const call = decodeTask(message)
    if (call instanceof Error) throw call
    const { body: written } = encodeTask(
      { task: 'csv.clean', id: 'b', args: call.args, kwargs: {}, embed: call.embed, routingKey: 'q' },
      { nowMs: 0 },
    )
    expect(written).toContain(text.slice(text.indexOf('"chain": [') + 10, text.indexOf('], "chord"')))
    expect(call.embed.chain).toEqual(chain)
    const packed = encodeTask(
      { task: 'csv.clean', id: 'b', args: [], kwargs: {}, embed: call.embed, routingKey: 'q' },
      { nowMs: 0, serializer: 'yaml' },
    )
    expect(String(packed.body)).toContain('step-0')
  })
})
