import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSearch } from './parse-search.js'
import type { SearchNode } from './search-node.js'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const parse = (text: string, isFlower = false) => parseSearch(text, { nowMs: NOW, isFlower })

/** A search as one line, with every binding in parentheses. */
function shown(node: SearchNode): string {
  if (node.kind === 'all') return 'ALL'
  if (node.kind === 'not') return `NOT ${shown(node.of)}`
  if (node.kind === 'term') return `${node.field} ${node.relation} ${node.value}`
  return `(${node.of.map(shown).join(node.kind === 'and' ? ' & ' : ' | ')})`
}
const read = (text: string, isFlower = false): string => {
  const parsed = parse(text, isFlower)
  return parsed.ok
    ? shown(parsed.node)
    : `${parsed.error.message} @${parsed.error.position}+${parsed.error.length}`
}

describe('a search', () => {
  test.each([
    ['', 'ALL'],
    ['email invoice', '(text contains email & text contains invoice)'],
    ['email AND invoice', '(text contains email & text contains invoice)'],
    ['invoice OR receipt', '(text contains invoice | text contains receipt)'],
    ['a b OR c d', '((text contains a & text contains b) | (text contains c & text contains d))'],
    ['(email OR report) urgent', '((text contains email | text contains report) & text contains urgent)'],
    ['"connection refused"', 'text contains connection refused'],
    ['result:"a \\"b\\" \\\\ c"', 'result contains a "b" \\ c'],
    ['"AND" "NOT"', '(text contains AND & text contains NOT)'],
    ['state:failure', 'state is FAILURE'],
    ['NOT state:SUCCESS', 'NOT state is SUCCESS'],
    ['mail -worker:canary', '(text contains mail & NOT worker contains canary)'],
    ['NOT (a OR b) c', '(NOT (text contains a | text contains b) & text contains c)'],
    ['NOT NOT a', 'NOT NOT text contains a'],
    ['-5', 'text contains -5'],
    ['name:=tasks.add', 'name is tasks.add'],
    ['http://x', 'text contains http://x'],
    ['uuid:abc', 'id contains abc'],
    ['retries:3', '(retries more 3 & retries less 3)'],
    ['runtime:>=2.5', 'runtime more 2.5'],
    ['runtime:1..2', '(runtime more 1 & runtime less 2)'],
    ['received:>2h', `received after ${NOW - 7_200_000}`],
    ['received:<1d', `received before ${NOW - 86_400_000 - 1}`],
    ['started:2026-11-29', `(started after ${NOW - 43_200_000} & started before ${NOW + 43_200_000 - 1})`],
    ['ended:2026-11-29T11:00..', `ended after ${NOW - 3_600_000}`],
    ['ended:..2026-11-29T11:00+01:00', `ended before ${NOW - 7_200_000 + 59_999}`],
  ])('%j asks for %s', (text, meant) => {
    expect(read(text)).toBe(meant)
  })

  test.each([
    ['a AND', 'AND must be followed by a search term @2+3'],
    ['a OR OR b', 'OR must be followed by a search term @2+2'],
    ['NOT', 'NOT must be followed by a search term @0+3'],
    ['OR a', 'Expected a search term @0+2'],
    ['a (b', 'Missing closing parenthesis @2+1'],
    ['a )', "Unexpected ')' @2+1"],
    ['()', 'Empty group @0+2'],
    ['x "open', 'Unterminated quoted phrase @2+5'],
    ['""', 'Empty search term @0+2'],
    ['a state:', 'Search qualifier requires a value @2+6'],
    ['((((((a))))))', 'Query nesting exceeds 5 levels @5+1'],
    ['retries:many', '"many" cannot be read: a number is 3 or 2.5 @0+12'],
    [
      'received:yesterday',
      '"yesterday" cannot be read: a time is 2026-11-29, 2026-11-29T14:30, or 2h for two hours ago @0+18',
    ],
  ])('%j says what is wrong, and where', (text, message) => {
    expect(read(text)).toBe(message)
  })

  test('has bounds', () => {
    expect(read('x'.repeat(2049))).toBe('Query exceeds 2048 characters @2048+1')
    expect(read('a '.repeat(200))).toBe('Query exceeds 128 tokens @256+1')
  })

  test('never throws, whatever is typed, and reads the same again', () => {
    const word = fc.constantFrom(
      'a',
      '"',
      '(',
      ')',
      'AND',
      'OR',
      'NOT',
      ' ',
      ':',
      '-',
      '\\',
      'name:',
      'received:',
      '..',
      '>',
      'é',
      '=',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const text = words.join('')
        expect(parse(text)).toEqual(parse(text))
        expect(typeof parse(text, true).ok).toBe('boolean')
      }),
    )
  })
})

describe('a search of Flower', () => {
  test.each([
    ['kwargs:queue=priority', /^\(kwargs contains 'queue': 'priority' \| /],
    ['queue:mail', /^text contains queue:mail$/],
    ['name:send_email', /^name contains send_email$/],
    ['ab', /^Substring search terms must contain at least 3 characters @0\+2$/],
    ['name:ab', /^Substring search terms must contain at least 3 characters @0\+7$/],
    ['NOT abc', /^NOT is not supported @0\+3$/],
    ['-abc', /^Negation with '-' is not supported @0\+1$/],
  ])('%j is read as there', (text, meant) => {
    expect(read(text, true)).toMatch(meant)
  })
})
