import { expect, test } from 'vitest'
import { Decimal, reprArgs, reprKwargs, reprValue, Uuid } from './index.js'

test('arguments look as Python shows them', () => {
  expect(reprArgs([])).toBe('()')
  expect(reprArgs([1])).toBe('(1,)')
  expect(reprArgs([1, 'a', null, true, undefined, 1.5])).toBe("(1, 'a', None, True, None, 1.5)")
  expect(reprKwargs({})).toBe('{}')
  expect(reprKwargs({ x: 1, y: { z: [1, []] } })).toBe("{'x': 1, 'y': {'z': [1, []]}}")
})

test('strings are quoted and escaped as by Python', () => {
  expect(reprValue("it's")).toBe(`"it's"`)
  expect(reprValue(`it's "so"`)).toBe(`'it\\'s "so"'`)
  expect(reprValue('say "hi"')).toBe(`'say "hi"'`)
  expect(reprValue('a\\b\n\t\u0000\u007f\u00a0é😀\u2028\ud800')).toBe(
    "'a\\\\b\\n\\t\\x00\\x7f\\xa0é😀\\u2028\\ud800'",
  )
})

test('numbers, bytes and special values have their names', () => {
  expect(reprArgs([Number.NaN, Number.POSITIVE_INFINITY, 2n ** 70n])).toBe(
    '(nan, inf, 1180591620717411303424)',
  )
  expect(reprArgs([0.0001, 0.00008086, 1e-7, -2.5e-12, 0, -0.5])).toBe(
    '(0.0001, 8.086e-05, 1e-07, -2.5e-12, 0, -0.5)',
  )
  expect(reprValue(Buffer.from([65, 39, 0, 255]))).toBe("b'A\\'\\x00\\xff'")
  expect(reprValue([new Decimal('1.0'), new Uuid('0'.repeat(32))])).toBe(
    "[Decimal('1.0'), UUID('00000000-0000-0000-0000-000000000000')]",
  )
  expect(reprValue(new Date(0))).toBe("'1970-01-01T00:00:00.000Z'")
  expect(reprValue([new Map(), reprValue, Symbol('x')])).toBe('[<Map>, <function reprValue>, <symbol>]')
})

test('long values end after 1024 characters, without being walked', () => {
  let read = 0
  const huge = Array.from({ length: 100_000 }, () => 'x'.repeat(50))
  const counted = new Proxy(huge, {
    get(target, key, receiver) {
      read++
      return Reflect.get(target, key, receiver)
    },
  })
  const text = reprArgs([counted, 'y'.repeat(10_000_000)])
  expect(text).toHaveLength(1024)
  expect(text).toMatch(/\.\.\.$/)
  expect(read).toBeLessThan(200)
  expect(reprKwargs({ big: '\u0000'.repeat(1e6) })).toHaveLength(1024)
  expect(reprArgs(['abc', 'def'], 10)).toBe("('abc',...")
})

test('cycles end, and getters that throw are no reason to fail', () => {
  const cycle: unknown[] = []
  cycle.push(cycle)
  expect(reprArgs([cycle])).toContain('...')
  const hostile = Object.defineProperty({}, 'x', {
    enumerable: true,
    get: () => {
      throw new Error('no')
    },
  })
  expect(reprArgs([hostile])).toBe('<unprintable>')
  expect(reprValue(Object.create(null))).toBe('{}')
  const nameless: object = Object.create(Object.create(null))
  expect(reprValue(nameless)).toBe('<object>')
})
