import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeJson, encodeTask } from '../message/index.js'
import { encodeHeaders } from './header-json.js'

const ordinary = (sentMs: number) =>
  encodeTask(
    { task: 'shop.pay "now"', id: 'a\nb', args: [1], kwargs: {}, sentMs, routingKey: 'q' },
    { nowMs: 0 },
  ).headers

test('an ordinary call is written as JSON.stringify writes it', () => {
  const headers = ordinary(1_700_000_000_000)
  expect(encodeHeaders(headers)).toBe(JSON.stringify(headers))
})

test('so is one with texts after its own headers, such as the context of a trace', () => {
  const headers = { ...ordinary(1), traceparent: '00-4bf9-00', 'my "header"': 'a\nb' }
  expect(encodeHeaders(headers)).toBe(JSON.stringify(headers))
})

/** What was written, or why it was refused: a field named __proto__ is. */
function textOr(write: () => string): string {
  try {
    return write()
  } catch (error) {
    return String(error)
  }
}

test('whatever is in them, headers are written, or refused, as encodeJson has it', () => {
  const names = Object.keys(ordinary(1))
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom(null, undefined, true, false, 0, -1, 2 ** 53, 1.5, Number.NaN, 12n ** 30n, ''),
    fc.constant([300, null]),
    fc.dictionary(fc.string(), fc.string()),
  )
  const changes = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), value), {
    maxLength: 3,
  })
  fc.assert(
    fc.property(changes, fc.constantFrom(undefined, ...names), (changed, dropped) => {
      const headers: Record<string, unknown> = { ...ordinary(1) }
      // To assign that would change the object's prototype, and add no header.
      for (const [name, to] of changed) if (name !== '__proto__') headers[name] = to
      if (dropped !== undefined) delete headers[dropped]
      expect(textOr(() => encodeHeaders(headers))).toBe(textOr(() => encodeJson(headers, 'headers')))
    }),
    { numRuns: 2000 },
  )
})

test('what cannot be written is told with its place', () => {
  expect(() => encodeHeaders({ ...ordinary(1), stamps: { when: () => 0 } })).toThrow(/headers\.stamps\.when/)
})
