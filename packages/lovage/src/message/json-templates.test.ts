import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonTemplates } from './json-templates.js'

const message = (id: string, more = ''): string =>
  `{"body":"W10=","headers":{"task":"csv.clean","id":"${id}","retries":0,"timelimit":[null,null],"root_id":"${id}","stamps":{}${more}}}`

/** What a reader gives that uses templates where they fit, and how many of the texts they fitted. */
function readAll(texts: readonly string[], templates = new JsonTemplates()) {
  let fitted = 0
  const values = texts.map((text) => {
    const found = templates.read(text)
    if (found !== undefined) {
      fitted++
      return found
    }
    const value: unknown = JSON.parse(text)
    templates.learn(text)
    return value
  })
  return { values, fitted }
}

describe('JsonTemplates', () => {
  it('reads texts that differ in strings and whole numbers, and nothing else, from the third on', () => {
    const texts = ['a', 'b', 'c', 'd'].map((id, n) => message(id, `,"sent":${n * 1000}`))
    const { values, fitted } = readAll(texts)
    expect(values).toEqual(texts.map((text) => JSON.parse(text)))
    expect(fitted).toBe(2)
  })

  it('learns that another field may differ', () => {
    const texts = ['a', 'b', 'c'].map((id) => message(id))
    const other = message('d').replace('csv.clean', 'csv.merge')
    const { values, fitted } = readAll([...texts, other, other, message('e')])
    expect(values[3]).toEqual(JSON.parse(other))
    expect(fitted).toBe(3)
  })

  it('gives each caller a value of its own', () => {
    const templates = new JsonTemplates()
    readAll([message('a'), message('b')], templates)
    const first = templates.read(message('c')) as { headers: { timelimit: unknown[]; stamps: object } }
    first.headers.timelimit.push(1)
    Object.assign(first.headers.stamps, { changed: true })
    expect(templates.read(message('d'))).toEqual(JSON.parse(message('d')))
  })

  it.each([
    ['an escape', message('a\\u0041')],
    ['a control character', message('a\nb')],
    ['a number where a text was', message('a').replace('"a"', '1')],
    ['a fraction', message('a', ',"sent":1.5')],
    ['a leading zero', message('a', ',"sent":01')],
    ['a number that is not safe', message('a', ',"sent":1234567890123456789')],
    ['an end that is missing', message('a', ',"sent":7').slice(0, -1)],
    ['more after the end', `${message('a', ',"sent":7')}}`],
    ['no text at all', ''],
  ])('leaves %s to the parser', (_what, text) => {
    const templates = new JsonTemplates()
    readAll(
      ['a', 'b', 'c'].map((id, n) => message(id, `,"sent":${n}`)),
      templates,
    )
    readAll(
      ['a', 'b', 'c'].map((id) => message(id)),
      templates,
    )
    expect(templates.read(text)).toBeUndefined()
  })

  it('does not learn from a text that gives a field twice', () => {
    const twice = (first: string, second: string): string => `{"a":"${first}","a":"${second}"}`
    const texts = [twice('z', 'c'), twice('c', 'c'), twice('w', 'c'), twice('w', 'v')]
    expect(readAll(texts)).toEqual({ values: texts.map((text) => JSON.parse(text)), fitted: 0 })
  })

  it('does not learn from a text with a field that cannot be assigned', () => {
    const texts = ['1', '2', '3'].map((n) => `{"__proto__":${n}}`)
    expect(readAll(texts).fitted).toBe(0)
  })

  it('stops learning for a while when no text is like another', () => {
    const templates = new JsonTemplates()
    const unlike = Array.from({ length: 200 }, (_, n) => JSON.stringify({ [`field ${n}`]: 1 }))
    readAll(unlike, templates)
    readAll([message('a'), message('b')], templates)
    expect(templates.read(message('c'))).toBeUndefined()
    const alike = Array.from({ length: 600 }, (_, n) => message(`${n}`))
    expect(readAll(alike, templates).fitted).toBeGreaterThan(0)
  })

  it('gives what JSON.parse gives, or nothing', () => {
    const change = fc.record({
      at: fc.nat(400),
      how: fc.constantFrom('cut', 'insert', 'replace'),
      by: fc.constantFrom(
        '"',
        '0',
        '1',
        '-',
        '.',
        'e',
        ',',
        ':',
        '[',
        ']',
        '{',
        '}',
        '\\',
        ' ',
        '\n',
        'a',
        'é',
      ),
    })
    const changed = (text: string, { at, how, by }: { at: number; how: string; by: string }): string => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + (how === 'cut' ? '' : by) + text.slice(place + (how === 'insert' ? 0 : 1))
    }
    const texts = fc.tuple(
      fc.json({ maxDepth: 3 }),
      fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 12 }),
    )
    fc.assert(
      fc.property(texts, ([text, variants]) => {
        const templates = new JsonTemplates()
        for (const one of [text, text, ...variants.map((changes) => changes.reduce(changed, text)), text]) {
          const found = templates.read(one)
          let value: unknown
          try {
            value = JSON.parse(one)
          } catch {
            expect(found).toBeUndefined()
            continue
          }
          // As text, so that the order of fields counts too; -0 has none.
          if (found !== undefined) expect(JSON.stringify(found)).toBe(JSON.stringify(value))
          else templates.learn(one)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('gives what JSON.parse gives for records whose fields differ', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.constant(null),
      fc.boolean(),
    )
    const record = fc.record({
      2: leaf,
      1: fc.record({ x: leaf, y: fc.array(leaf, { maxLength: 2 }) }),
      text: leaf,
      deep: fc.record({ '': leaf, 'a"b': leaf, list: fc.tuple(leaf, fc.record({ z: leaf })) }),
    })
    fc.assert(
      fc.property(fc.array(record, { minLength: 3, maxLength: 20 }), fc.boolean(), (records, spaced) => {
        const texts = records.map((one) => JSON.stringify(one, null, spaced ? 1 : 0))
        expect(readAll(texts).values.map((one) => JSON.stringify(one))).toEqual(
          texts.map((text) => JSON.stringify(JSON.parse(text))),
        )
      }),
    )
  })
})
