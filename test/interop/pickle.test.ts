import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  Decimal,
  decodeJson,
  encodeJson,
  PlainDate,
  PlainTime,
  Uuid,
} from '../../packages/lovage/src/message/index.js'
import { decodePickle, encodePickle, PythonTuple } from '../../packages/lovage/src/pickle/index.js'
import { runPython } from '../servers.js'

/** What Python's expressions become in every protocol, as hexadecimal text by protocol. */
async function pickled(...expressions: readonly string[]): Promise<readonly (readonly Buffer[])[]> {
  const output = await runPython(`
    import pickle, datetime, decimal, uuid, collections, zoneinfo, pytz
    values = [${expressions.join(', ')}]
    print(json.dumps([[pickle.dumps(v, protocol).hex() for protocol in range(6)] for v in values]))`)
  const lists: string[][] = JSON.parse(output)
  return lists.map((list) => list.map((hex) => Buffer.from(hex, 'hex')))
}

/** What Python reads of our bytes, each as its `repr`. */
async function reprs(...values: readonly unknown[]): Promise<readonly string[]> {
  const hex = values.map((value) => encodePickle(value).toString('hex'))
  const output = await runPython(`
    import pickle
    print(json.dumps([repr(pickle.loads(bytes.fromhex(h))) for h in json.loads('''${JSON.stringify(hex)}''')]))`)
  return JSON.parse(output)
}

test('what Python pickles in any of its protocols is read', async () => {
  const cases: [string, unknown][] = [
    ['None', null],
    ['[True, False]', [true, false]],
    ['[0, 255, 256, 65535, 65536, -1, -128, 2**31, -2**31, 2**53-1, 1-2**53]', [0, 255, 256, 65535, 65536, -1, -128, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 1 - 2 ** 53]],
    ['[1.5, -0.25, 1e300, float("inf"), float("-inf")]', [1.5, -0.25, 1e300, Infinity, -Infinity]],
    ['float("nan")', Number.NaN],
    ['["", "é😀", "a\\\\u0041", "line\\nbreak", "\\x00", "x" * 300]', ['', 'é😀', 'a\\u0041', 'line\nbreak', '\u0000', 'x'.repeat(300)]],
    ['"\\ud800 and \\udfff"', '\ud800 and \udfff'],
    ['[b"", b"\\x00\\xff", b"y" * 300]', [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.from('y'.repeat(300))]],
    ['bytearray(b"ab")', Buffer.from('ab')],
    ['(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)', null],
    ['{"a": [1, "x", None], "b": {}, "c": {"d": ()}}', { a: [1, 'x', null], b: {}, c: { d: [] } }],
    ['{1: "int", 2.5: "float", True: "shadowed by 1", None: "none"}', { 1: 'shadowed by 1', 2.5: 'float', null: 'none' }],
    ['{3}', [3]],
    ['frozenset([4])', [4]],
    ['collections.OrderedDict(a=1)', { a: 1 }],
    ['collections.defaultdict(list, a=[1])', { a: [1] }],
    ['datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)', new Date('2026-01-02T03:04:05.678Z')],
    ['datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)', new Date('2026-01-02T03:04:05Z')],
    ['datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=pytz.utc)', new Date('2026-01-02T03:04:05Z')],
    ['datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=zoneinfo.ZoneInfo("UTC"))', new Date('2026-01-02T03:04:05Z')],
    ['datetime.datetime(1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30)))', new Date('0001-01-01T05:30:00Z')],
    ['datetime.date(2026, 12, 31)', new PlainDate('2026-12-31')],
    ['datetime.time(1, 2, 3, 4)', new PlainTime('01:02:03.000004')],
    ['datetime.time(1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))', new PlainTime('01:02:00+02:00')],
    ['decimal.Decimal("1.10")', new Decimal('1.10')],
    ['uuid.UUID("0a0b0c0d-0000-4000-8000-00000000000f")', new Uuid('0a0b0c0d-0000-4000-8000-00000000000f')],
    ['[v := ["shared"], v]', [['shared'], ['shared']]],
  ] // biome-ignore format: one case a line
  const plain = cases.filter(([expression]) => !expression.startsWith('()'))
  const all = await pickled(...plain.map(([expression]) => `(${expression})`))
  for (const [index, [expression, value]] of plain.entries()) {
    for (const [protocol, bytes] of (all[index] ?? []).entries())
      expect(decodePickle(bytes), `${expression}, protocol ${protocol}`).toEqual(value)
  }
  const [tuples = []] = await pickled('[(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]')
  for (const bytes of tuples) expect(decodePickle(bytes)).toEqual([[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]])
})

test('integers beyond what a number holds are refused, or become BigInt', async () => {
  const [all = []] = await pickled('[2**53, -2**200]')
  for (const bytes of all) {
    expect(() => decodePickle(bytes)).toThrow(expect.objectContaining({ code: 'LVG_MESSAGE_INTEGER_RANGE' }))
    expect(decodePickle(bytes, { integers: 'bigint' })).toEqual([2n ** 53n, -(2n ** 200n)])
  }
})

test('what is more than plain data is refused, and nothing of it is carried out', async () => {
  const everything = await pickled(
    'print',
    'ValueError("boom")',
    'os.system',
    'type("Evil", (), {"__reduce__": lambda self: (os.system, ("touch /tmp/lovage-pickle-was-run",))})()',
    'range(3)',
    '1j',
    'datetime.timedelta(1)',
    'datetime.timezone.utc',
    'collections.Counter("ab")',
    '{(1, 2): 3}',
    '{"__proto__": 1}',
  )
  for (const bytes of everything.flat())
    expect(() => decodePickle(bytes)).toThrow(expect.objectContaining({ code: 'LVG_MESSAGE_UNDECODABLE' }))
})

test('what is damaged, cyclic, too deep or without end is refused', async () => {
  const [whole] = await pickled('{"a": [1, "x", None, 2.5, b"y"]}')
  const bytes = whole?.[4] ?? Buffer.alloc(0)
  for (let end = 0; end < bytes.length; end++)
    expect(() => decodePickle(bytes.subarray(0, end))).toThrow(
      expect.objectContaining({ name: 'MessageError' }),
    )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        decodePickle(Uint8Array.from([0x80, 4, ...noise]))
      } catch (error) {
        expect(error).toMatchObject({ name: 'MessageError' })
      }
    }),
    { numRuns: 5000 },
  )
  const cycle = Buffer.from(']\x94h\x00a.', 'latin1')
  const deep = Buffer.from(`${']'.repeat(2000)}${'a'.repeat(1999)}.`, 'latin1')
  const bomb = Buffer.from(
    `]\x94${'(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00l\x94'.replaceAll('\x00', '\x00')}.`,
    'latin1',
  )
  expect(() => decodePickle(cycle)).toThrow(/deeper than 900/)
  expect(() => decodePickle(deep)).toThrow(/deeper than 900/)
  expect(decodePickle(bomb)).toEqual(Array.from({ length: 8 }, () => []))
  // Ten lists of ten times the list before: 10^12 values in 300 bytes.
  const levels = Array.from({ length: 12 }, (_, n) => `(${`h${String.fromCharCode(n)}`.repeat(10)}l\x94`)
  expect(() => decodePickle(Buffer.from(`]\x94${levels.join('')}.`, 'latin1'))).toThrow(
    /more than 10000000 values/,
  )
})

test('what we write is read by Python as its own values', async () => {
  const cases: [unknown, string][] = [
    [null, 'None'],
    [[true, false], '[True, False]'],
    [[0, 255, 256, -1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1], '[0, 255, 256, -1, 2147483648, -2147483648, -2147483649, 9007199254740991]'],
    [[127n, 128n, -128n, -129n, 2n ** 64n], '[127, 128, -128, -129, 18446744073709551616]'],
    [[1.5, 1e300, Number.NaN, -Infinity], '[1.5, 1e+300, nan, -inf]'],
    ['é😀\u0000', "'é😀\\x00'"],
    ['\ud800', "'\\ud800'"],
    ['x'.repeat(300), `'${'x'.repeat(300)}'`],
    [Buffer.from([0, 255]), "b'\\x00\\xff'"],
    [{ a: [1, 'x', null], b: undefined, c: {} }, "{'a': [1, 'x', None], 'c': {}}"],
    [new PythonTuple([1, [2]]), '(1, [2])'],
    [new Date('2026-01-02T03:04:05.678Z'), 'datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)'],
    [new PlainDate('2026-12-31'), 'datetime.date(2026, 12, 31)'],
    [new PlainTime('01:02:03.000004'), 'datetime.time(1, 2, 3, 4)'],
    [new PlainTime('01:02:00+02:00'), 'datetime.time(1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=7200)))'],
    [new Decimal('1.10'), "Decimal('1.10')"],
    [new Uuid('0a0b0c0d-0000-4000-8000-00000000000f'), "UUID('0a0b0c0d-0000-4000-8000-00000000000f')"],
  ] // biome-ignore format: one case a line
  expect(await reprs(...cases.map(([value]) => value))).toEqual(cases.map(([, repr]) => repr))
})

test('what is no plain data is not written', () => {
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  for (const value of [() => 1, new Map(), Symbol('s'), cyclic, { deep: [undefined] }, new Date(Number.NaN)])
    expect(() => encodePickle(value)).toThrow(expect.objectContaining({ code: 'LVG_MESSAGE_UNSERIALISABLE' }))
})

test('any JSON comes back as it went, through us and through Python', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(!JSON.stringify(value).includes('__proto__'))
      const json = encodeJson(value)
      expect(decodePickle(encodePickle(decodeJson(json)))).toEqual(decodeJson(json))
    }),
  )
  const values = fc
    .sample(
      fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
      200,
    )
    .map((value) => decodeJson(encodeJson(value)))
  const hex = values.map((value) => encodePickle(value).toString('hex'))
  const output = await runPython(`
    import pickle
    print(json.dumps([pickle.dumps(pickle.loads(bytes.fromhex(h))).hex() for h in json.loads('''${JSON.stringify(hex)}''')]))`)
  const back: string[] = JSON.parse(output)
  expect(back.map((one) => decodePickle(Buffer.from(one, 'hex')))).toEqual(values)
})
