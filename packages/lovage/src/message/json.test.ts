import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MessageError } from '../kernel/index.js'
import { Decimal, decodeJson, encodeJson, PlainDate, PlainTime, Uuid } from './index.js'

function refusal(value: unknown, root = 'args'): MessageError {
  try {
    encodeJson(value, root)
  } catch (error) {
    if (error instanceof MessageError) return error
    throw error
  }
  throw new Error('was not refused')
}

function unreadable(text: string, options = {}): MessageError {
  try {
    decodeJson(text, options, 'args')
  } catch (error) {
    if (error instanceof MessageError) return error
    throw error
  }
  throw new Error('was read')
}

describe('writing', () => {
  test('plain values are written as JSON.stringify writes them', () => {
    const value = [1, -0.5, 'é\u2028"\ud83d\ude00', true, null, { a: { b: [] }, c: undefined }]
    expect(encodeJson(value)).toBe(JSON.stringify(value))
  })

  test('what JSON lacks becomes the typed objects of kombu', () => {
    expect(JSON.parse(encodeJson(new Date(1_763_668_969_142)))).toEqual({
      __type__: 'datetime',
      __value__: '2025-11-20T20:02:49.142000+00:00',
    })
    expect(encodeJson(Buffer.from('hé'))).toBe('{"__type__":"bytes","__value__":"hé"}')
    expect(encodeJson(new Uint8Array([255, 0]))).toBe('{"__type__":"base64","__value__":"/wA="}')
    expect(encodeJson(new Decimal('1.50'))).toBe('{"__type__":"decimal","__value__":"1.50"}')
    expect(encodeJson(new PlainDate('2026-11-20'))).toBe('{"__type__":"date","__value__":"2026-11-20"}')
    expect(encodeJson(new PlainTime('20:02:49.5'))).toBe('{"__type__":"time","__value__":"20:02:49.500000"}')
    expect(encodeJson(new Uuid('11441EE4-266c-40fb-a731-7e24e165e050'))).toBe(
      '{"__type__":"uuid","__value__":{"hex":"11441ee4266c40fba7317e24e165e050"}}',
    )
  })

  test('plain mode writes texts, which Celery before 5.3 understands', () => {
    expect(encodeJson({ at: new Date(0), id: new Uuid('0'.repeat(32)) }, '', 'plain')).toBe(
      '{"at":"1970-01-01T00:00:00.000000+00:00","id":"00000000-0000-0000-0000-000000000000"}',
    )
    expect(() => encodeJson({ raw: Buffer.from('x') }, 'kwargs', 'plain')).toThrow(
      'kwargs.raw cannot be sent',
    )
  })

  test('big integers are digits, and floats that look like them are floats', () => {
    expect(encodeJson([2n ** 64n, -1n])).toBe('[18446744073709551616,-1]')
    expect(encodeJson([2 ** 53 - 1, 2 ** 53, 1e20])).toBe('[9007199254740991,9.007199254740992e+15,1e+20]')
  })

  test('NaN and the infinities have the names that Python gives them', () => {
    expect(encodeJson([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe(
      '[NaN,Infinity,-Infinity]',
    )
  })

  test('a class with toJSON is asked, also when it is the only special thing', () => {
    class Money {
      toJSON() {
        return { cents: 5 }
      }
    }
    expect(encodeJson({ price: new Money(), page: new URL('http://a.example/') })).toBe(
      '{"price":{"cents":5},"page":"http://a.example/"}',
    )
  })

  test('what cannot be written is refused with its path', () => {
    const cycle: unknown[] = [{}]
    cycle[0] = { self: cycle }
    const cases: readonly (readonly [unknown, string, RegExp])[] = [
      [[{ user: { callback: () => 1 } }], 'args[0].user.callback', /the function callback/],
      [[undefined], 'args[0]', /undefined/],
      [[new Array(1)], 'args[0][0]', /undefined/],
      [{ 'a-b': Symbol('x') }, 'args["a-b"]', /symbol/],
      [[new Map()], 'args[0]', /an instance of Map/],
      [{ tags: new Set() }, 'args.tags', /an instance of Set/],
      [{ error: new TypeError('x') }, 'args.error', /an instance of TypeError/],
      [[new (class Order {})()], 'args[0]', /an instance of Order/],
      [cycle, 'args[0].self', /contains itself/],
      [{ at: new Date(Number.NaN) }, 'args.at', /not a time/],
      [{ x: { __type__: 'datetime', __value__: 'x' } }, 'args.x', /__type__ and __value__/],
      [JSON.parse('[{"__proto__": 1}]'), 'args[0].__proto__', /__proto__/],
      [undefined, 'args', /undefined/],
    ]
    for (const [value, path, reason] of cases) {
      const error = refusal(value)
      expect([error.code, error.details.path]).toEqual(['LVG_MESSAGE_UNSERIALISABLE', path])
      expect(error.message).toMatch(reason)
    }
  })

  test('a toJSON without end is refused', () => {
    const endless = (): object => ({ toJSON: endless })
    expect(refusal({ x: endless() }).message).toMatch(/args.x cannot be sent: it is nested deeper/)
  })

  test('a value that is used twice is no cycle', () => {
    const shared = { at: new Date(0) }
    expect(() => encodeJson([shared, shared])).not.toThrow()
  })

  test('nesting is bounded', () => {
    const nest = (levels: number) => {
      let value: unknown = 1
      for (let i = 0; i < levels; i++) value = [value]
      return value
    }
    expect(encodeJson(nest(900))).toHaveLength(1801)
    expect(refusal(nest(901)).message).toMatch(/nested deeper than 900/)
    expect(refusal(nest(50_000)).message.length).toBeLessThan(400)
  })

  test('objects with only one reserved field, or more fields, are ordinary', () => {
    const value = [{ __type__: 'x' }, { __type__: 'x', __value__: 1, more: 2 }, { __value__: 1 }]
    expect(decodeJson(encodeJson(value))).toEqual(value)
  })
})

describe('reading', () => {
  test('typed values become what they mean', () => {
    const read = (type: string, value: unknown) =>
      decodeJson(JSON.stringify({ __type__: type, __value__: value }))
    expect(read('datetime', '2026-11-20T20:02:49.142514+00:00')).toEqual(new Date('2026-11-20T20:02:49.142Z'))
    expect(read('datetime', '2026-11-20T20:02:49')).toEqual(new Date('2026-11-20T20:02:49Z'))
    expect(String(read('date', '2026-11-20'))).toBe('2026-11-20')
    expect(read('time', '20:02')).toBeInstanceOf(PlainTime)
    expect(String(read('decimal', '1E+5'))).toBe('1E+5')
    expect(String(read('uuid', { hex: 'f'.repeat(32) }))).toBe('ffffffff-ffff-ffff-ffff-ffffffffffff')
    expect(read('bytes', 'hé')).toEqual(Buffer.from('hé'))
    expect(read('base64', '/wA=')).toEqual(Buffer.from([255, 0]))
  })

  test('unknown and damaged typed values are refused with their path', () => {
    for (const [type, value] of [
      ['money', '1'],
      ['datetime', 'yesterday'],
      ['datetime', 5],
      ['date', '2026-13-01'],
      ['decimal', 'one'],
      ['uuid', { hex: 'zz' }],
      ['uuid', null],
      ['base64', 7],
      [['list'], 7],
    ]) {
      const error = unreadable(JSON.stringify([{ __type__: type, __value__: value }]))
      expect(error.code).toBe('LVG_MESSAGE_UNDECODABLE')
      expect(error.message).toContain('args[0]')
    }
  })

  test('plain mode leaves typed values as they are', () => {
    const text = '{"__type__":"money","__value__":"1"}'
    expect(decodeJson(text, { jsonTypes: 'plain' })).toEqual(JSON.parse(text))
  })

  test('the reserved names are seen through escapes', () => {
    expect(decodeJson('{"\\u005f_type__":"date","\\u005F_value__":"2026-11-20"}')).toBeInstanceOf(PlainDate)
    expect(unreadable('{"\\u005f\\u005f\\u0070roto__":1}').message).toMatch(/__proto__/)
  })

  test('an integer beyond 2^53 is an error or a BigInt, never rounded', () => {
    for (const digits of ['9007199254740993', '-9007199254740993', '123456789012345678901234567890']) {
      for (const text of [
        digits,
        `[${digits}]`,
        `[1, ${digits} ]`,
        `{"a":${digits}}`,
        `["x",\n${digits}\n]`,
      ]) {
        expect(unreadable(text).code).toBe('LVG_MESSAGE_INTEGER_RANGE')
        expect(encodeJson(decodeJson(text, { integers: 'bigint' }))).toBe(text.replace(/[ \n]/g, ''))
      }
    }
    expect(unreadable('[[0, {"n": 9007199254740993}]]').details.path).toBe('args[0][1].n')
    expect(decodeJson('[9007199254740991,-9007199254740991]', { integers: 'bigint' })).toEqual([
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ])
  })

  test('long digits in strings and fractions are no integers', () => {
    const text =
      '["9007199254740993", 0.12345678901234567890, 1e20, "a, 9007199254740993, b", 9007199254740993.0]'
    expect(decodeJson(text)).toEqual(JSON.parse(text))
  })

  test('an absurdly long integer is refused before it costs time', () => {
    expect(unreadable('9'.repeat(1_000_000), { integers: 'bigint' }).message).toMatch(/4300 digits/)
  })

  test('NaN and the infinities of Python are read', () => {
    expect(decodeJson('[NaN, Infinity, -Infinity, {"a": NaN}]')).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      { a: Number.NaN },
    ])
  })

  test('__proto__ is refused wherever it stands', () => {
    expect(unreadable('[{"a":{"__proto__":{"admin":true}}}]').message).toMatch(/__proto__/)
  })

  test('nesting is bounded', () => {
    expect(() => decodeJson('['.repeat(900) + ']'.repeat(900))).not.toThrow()
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[1,', ']'],
    ] as const) {
      for (const levels of [901, 100_000]) {
        const text = `${open.repeat(levels)}1${close.repeat(levels)}`
        expect(unreadable(text).message).toMatch(/deeper than 900/)
      }
    }
    const brackets = JSON.stringify(['['.repeat(2000), '{'.repeat(2000)])
    expect(decodeJson(brackets)).toEqual(JSON.parse(brackets))
  })

  test('what is no JSON is refused with its place', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '[1,]',
      '{"a":1,}',
      '[1 2]',
      'nul',
      "'a'",
      '01',
      '"\n"',
      '"\\x"',
      '+1',
      '[NaN',
      '1 1',
    ]) {
      expect(unreadable(text).code).toBe('LVG_MESSAGE_UNDECODABLE')
    }
    expect(unreadable('[1, NaN, x]').details.position).toBe(9)
  })
})

describe('properties', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
    fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  const key = fc.string().filter((name) => !name.startsWith('__'))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
  }))

  test('what is written is read again', () => {
    fc.assert(
      fc.property(value, (original) => {
        const text = encodeJson(original)
        expect(encodeJson(decodeJson(text, { integers: 'bigint' }))).toBe(text)
      }),
    )
  })

  test('the careful reader agrees with JSON.parse on every JSON text', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!/\d{16}|__/.test(text))
        // The escaped underscore in front sends the whole text through the careful reader.
        expect(decodeJson(`["\\u005f",${text}]`)).toEqual(['_', JSON.parse(text)])
      }),
    )
  })

  test('no text makes it throw anything but a MessageError', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '__type__',
      '"a"',
      '1',
      '-',
      'NaN',
      '\\u005f',
      'e',
      '.',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            decodeJson(text)
          } catch (error) {
            expect(error).toBeInstanceOf(MessageError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
