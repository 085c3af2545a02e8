import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as cluster from '../../packages/lovage/src/cluster/index.js'
import * as envelope from '../../packages/lovage/src/envelope/index.js'
import * as events from '../../packages/lovage/src/events/index.js'
import * as message from '../../packages/lovage/src/message/index.js'
import {
  BODY,
  ENVELOPE,
  EVENTS,
  fuzzReaders,
  HEADERS,
  type Kind,
  messageOf,
  pathsOf,
  REQUEST,
  readAsEverything,
  withPart,
  wrongInOnePlace,
} from './hostile.mjs'

const rooms = { ...cluster, ...envelope, ...message, ...events }
/** Whatever is read is a value or a MessageError. */
const note = <T>(value: T): T => {
  if (value instanceof Error) expect(value.name).toBe('MessageError')
  return value
}

describe('readers of what anybody may have sent', () => {
  const kinds: readonly (readonly [Kind, unknown])[] = [
    ['envelope', ENVELOPE],
    ['body', BODY],
    ['request', REQUEST],
    ['event', EVENTS[0]],
    ['event', EVENTS[1]],
    ['event', EVENTS],
  ]

  test.each(kinds)(
    'give a value or a MessageError for each %s that is wrong in one place (%#)',
    (kind, honest) => {
      let count = 0
      for (const text of wrongInOnePlace(honest)) {
        readAsEverything(rooms, kind, text, note)
        count++
      }
      expect(count).toBeGreaterThan(300)
    },
  )

  test.each(kinds)('and for each %s with any value in any place (%#)', (kind, honest) => {
    const place = fc.constantFrom(...pathsOf(honest))
    fc.assert(
      fc.property(fc.array(fc.tuple(place, fc.jsonValue()), { minLength: 1, maxLength: 4 }), (changes) => {
        const wrong = changes.reduce((value, [path, part]) => withPart(value, path, part), honest)
        readAsEverything(rooms, kind, JSON.stringify(wrong), note)
      }),
      { numRuns: 500 },
    )
  })

  test('and for each header of a kind that only other wires than JSON have', () => {
    const kinds = [Buffer.from([255]), new Date(Number.NaN), 2n ** 70n, Symbol.iterator, () => 1, new Map()]
    for (const name of Object.keys(HEADERS))
      for (const value of kinds) {
        const task = note(message.decodeTask(messageOf('[[],{},{}]', { ...HEADERS, [name]: value })))
        if (!(task instanceof Error)) message.attemptsOf(task.headers)
      }
  })

  // `npm run chaos` asks for more.
  const count = Number(process.env.CHAOS_HOSTILE ?? 5_000)
  test(`and for ${count} drawn from a seed`, { timeout: 90_000 + count }, () => {
    const seed = Number(process.env.CHAOS_SEED ?? process.env.LOVAGE_SEED ?? Date.now() % 2 ** 31)
    const { refused, taken } = fuzzReaders({ seed, count, rooms })
    if (process.env.CHAOS_HOSTILE)
      console.log(`${count} hostile texts: ${taken} readings gave a value, ${refused} refused; seed ${seed}`)
    expect(refused, `seed ${seed}`).toBeGreaterThan(count / 20)
    expect(taken, `seed ${seed}`).toBeGreaterThan(count / 20)
  })
})
