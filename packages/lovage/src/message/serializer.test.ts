import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LovageError } from '../kernel/index.js'
import { acceptList, compress, Decimal, decodeContent, decompress, getSerializer } from './index.js'

const ACCEPT = acceptList(['json', 'msgpack', 'yaml', 'raw'])

function read(body: Buffer | string, contentType: string, encoding = 'utf-8'): unknown {
  return decodeContent(body, contentType, encoding, { accept: ACCEPT, integers: 'bigint' }, 'args')
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof LovageError) return error.code
    throw error
  }
  return 'nothing thrown'
}

describe('serializers', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double().filter((value) => !Object.is(value, -0)),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.date({
      // The YAML library takes the years 1 to 99 for those of the last century.
      min: new Date('0100-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  const key = fc.string({ unit: 'binary' }).filter((name) => !name.startsWith('__'))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
  }))
  /** Bytes come as Buffer or Uint8Array, and objects with or without a prototype; both are the same values. */
  const normal = (item: unknown): unknown => {
    if (item instanceof Uint8Array) return `bytes ${Buffer.from(item).toString('hex')}`
    if (Array.isArray(item)) return item.map(normal)
    if (typeof item !== 'object' || item === null || item instanceof Date) return item
    return Object.fromEntries(Object.entries(item).map(([name, member]) => [name, normal(member)]))
  }

  for (const name of ['json', 'msgpack', 'yaml']) {
    test(`${name} reads what it wrote`, () => {
      const serializer = getSerializer(name)
      const lossless =
        name === 'msgpack' ? value.filter((item) => !/[\ud800-\udfff]/.test(flat(item))) : value
      fc.assert(
        fc.property(lossless, (original) => {
          const body = serializer.encode(original, 'args')
          expect(normal(read(body, serializer.contentType, serializer.contentEncoding))).toEqual(
            normal(original),
          )
        }),
      )
    })
  }

  /** Every text in a value: lone surrogates have no UTF-8, so msgpack cannot carry them. */
  const flat = (item: unknown): string =>
    JSON.stringify(item, (_name, member) => (typeof member === 'bigint' ? '' : member))
      .replace(/\\u(d[89a-f]..)/gi, (_escape, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')

  test('raw carries bytes and text alone', () => {
    const raw = getSerializer('raw')
    expect(read(raw.encode(Buffer.from([1, 255]), ''), raw.contentType, 'binary')).toEqual(
      Buffer.from([1, 255]),
    )
    expect(read('é', 'application/data', 'utf-8')).toBe('é')
    expect(codeOf(() => raw.encode({}, 'body'))).toBe('LVG_MESSAGE_UNSERIALISABLE')
  })

  test('msgpack and YAML refuse what they would blur, with the path', () => {
    const message = (name: string, item: unknown): string => {
      try {
        getSerializer(name).encode([[item]], ['args'])
        return ''
      } catch (error) {
        return error instanceof LovageError ? `${error.code} ${error.message}` : String(error)
      }
    }
    for (const name of ['msgpack', 'yaml']) {
      for (const item of [
        () => 1,
        undefined,
        Symbol('s'),
        new Map(),
        new Decimal('1'),
        new Date(Number.NaN),
      ]) {
        expect(message(name, item)).toMatch(/^LVG_MESSAGE_UNSERIALISABLE args\[0\] cannot be sent/)
      }
    }
    expect(message('msgpack', 2n ** 64n)).toContain('more than 64 bits')
  })

  test('integers out of range are an error in number mode, in every format', () => {
    for (const name of ['json', 'msgpack', 'yaml']) {
      const { encode, contentType } = getSerializer(name)
      const body = encode({ n: [2n ** 60n] }, '')
      expect(codeOf(() => decodeContent(body, contentType, 'utf-8', { accept: ACCEPT }))).toBe(
        'LVG_MESSAGE_INTEGER_RANGE',
      )
    }
  })

  test('only accepted content types are read, and pickle never', () => {
    expect(codeOf(() => decodeContent('{}', 'application/x-yaml', 'utf-8'))).toBe('LVG_MESSAGE_UNACCEPTED')
    expect(codeOf(() => decodeContent('{}', 'application/x-nothing', 'utf-8'))).toBe('LVG_MESSAGE_UNACCEPTED')
    const accept = { types: new Set(['application/x-python-serialize']) }
    expect(() => decodeContent('x', 'application/x-python-serialize', 'binary', { accept })).toThrow(
      'not accepted',
    )
    expect(codeOf(() => acceptList(['pickle']))).toBe('LVG_CONFIG_INVALID')
    expect(codeOf(() => getSerializer('xml'))).toBe('LVG_CONFIG_INVALID')
  })

  test('damaged bodies are undecodable', () => {
    const cases: readonly (readonly [Buffer | string, string, string?])[] = [
      [Buffer.from([0xff, 0xfe]), 'application/json'],
      ['{', 'application/json'],
      [Buffer.from('{}'), 'application/json', 'klingon'],
      [Buffer.from([0xc1]), 'application/x-msgpack'],
      [Buffer.from([]), 'application/x-msgpack'],
      [Buffer.from([0x01, 0x02]), 'application/x-msgpack'],
      [Buffer.from([0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]), 'application/x-msgpack'],
      ['a: [', 'application/x-yaml'],
      ['"__proto__": {x: 1}', 'application/x-yaml'],
      ['!!python/object/apply:os.system ["true"]', 'application/x-yaml'],
      ['&a [*a]', 'application/x-yaml'],
      ['['.repeat(100_000), 'application/x-yaml'],
    ]
    for (const [body, type, encoding] of cases) {
      expect([String(body).slice(0, 40), codeOf(() => read(body, type, encoding))]).toEqual([
        String(body).slice(0, 40),
        'LVG_MESSAGE_UNDECODABLE',
      ])
    }
  })

  test('half a MiB of YAML is refused at once, and what is read takes no longer than its length', () => {
    const long = `[${'[],'.repeat(180_000)}1]`
    expect(codeOf(() => read(long, 'application/x-yaml'))).toBe('LVG_MESSAGE_TOO_LARGE')
    // To look for fields of one name took 18 s here.
    const fields = Array.from({ length: 7000 }, (_, n) => `"k${n}": ${n}`)
    const startMs = performance.now()
    expect(Object.keys(read(`{${fields.join(', ')}}`, 'application/x-yaml') as object)).toHaveLength(7000)
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(read('a: 1\na: 2', 'application/x-yaml')).toEqual({ a: 2 })
  })

  test('a YAML bomb of aliases is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect(codeOf(() => read(lines.join('\n'), 'application/x-yaml'))).toBe('LVG_MESSAGE_UNDECODABLE')
  })

  test('five bytes of msgpack cannot claim gigabytes, nor nest without end', () => {
    const claim = Buffer.from([0xdd, 0x01, 0xff, 0xff, 0xff])
    expect(codeOf(() => read(Buffer.concat(Array(10_000).fill(claim)), 'application/x-msgpack'))).toBe(
      'LVG_MESSAGE_UNDECODABLE',
    )
    expect(
      codeOf(() =>
        read(Buffer.concat([Buffer.alloc(5000, 0x91), Buffer.from([1])]), 'application/x-msgpack'),
      ),
    ).toBe('LVG_MESSAGE_UNDECODABLE')
  })

  test('random bytes are read or refused, nothing else', () => {
    const types = fc.constantFrom(
      'application/json',
      'application/x-msgpack',
      'application/x-yaml',
      'application/data',
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), types, (bytes, type) => {
        try {
          read(Buffer.from(bytes), type, 'binary')
        } catch (error) {
          expect(error).toBeInstanceOf(LovageError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('compression', () => {
  const data = Buffer.from('[[1,2],{},{}]'.repeat(100))

  test('reads what it wrote, under every name of Celery', () => {
    const names = { gzip: 'application/x-gzip', zlib: 'application/x-gzip', brotli: 'application/x-brotli' }
    for (const [name, contentType] of Object.entries(names)) {
      const compressed = compress(data, name)
      expect(compressed.contentType).toBe(contentType)
      expect(compressed.body.length).toBeLessThan(100)
      for (const header of [name, contentType]) expect(decompress(compressed.body, header, 1e6)).toEqual(data)
    }
  })

  test('gzip means a zlib stream, as Python expects; a real gzip file is read too', () => {
    expect(compress(data, 'gzip').body[0]).toBe(0x78)
    expect(decompress(gzipSync(data), 'application/x-gzip', 1e6)).toEqual(data)
  })

  test('a bomb is stopped at the cap', () => {
    const zeros = Buffer.alloc(50_000_000)
    for (const [name, bomb] of [
      ['zlib', deflateSync(zeros)],
      ['gzip', gzipSync(zeros)],
      ['brotli', brotliCompressSync(zeros)],
    ] as const) {
      expect(codeOf(() => decompress(bomb, name, 1_000_000))).toBe('LVG_MESSAGE_TOO_LARGE')
    }
  })

  test('what is unknown, unavailable or damaged says so', () => {
    expect(() => decompress(data, 'application/x-bz2', 1e6)).toThrow('Node has no bzip2')
    expect(() => decompress(data, 'application/x-lzma', 1e6)).toThrow('Node has no LZMA')
    expect(() => decompress(data, 'application/x-snappy', 1e6)).toThrow('not known')
    expect(codeOf(() => decompress(data, 'zlib', 1e6))).toBe('LVG_MESSAGE_UNDECODABLE')
    expect(codeOf(() => decompress(deflateSync(data).subarray(0, 20), 'zlib', 1e6))).toBe(
      'LVG_MESSAGE_UNDECODABLE',
    )
    expect(codeOf(() => compress(data, 'bzip2'))).toBe('LVG_CONFIG_INVALID')
  })
})
