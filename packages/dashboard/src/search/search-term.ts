import type { SearchField, SearchNode, SearchRelation } from './search-node.js'
import { SearchSyntaxError, type Token } from './tokens.js'

/** The kind of a field's value. */
type FieldKind = 'text' | 'exact' | 'time' | 'number'

const FIELDS: ReadonlyMap<string, readonly [SearchField, FieldKind]> = new Map([
  ['id', ['id', 'text']],
  ['uuid', ['id', 'text']],
  ['name', ['name', 'text']],
  ['task', ['name', 'text']],
  ['state', ['state', 'exact']],
  ['worker', ['worker', 'text']],
  ['queue', ['queue', 'text']],
  ['args', ['args', 'text']],
  ['kwargs', ['kwargs', 'text']],
  ['result', ['result', 'text']],
  ['error', ['error', 'text']],
  ['exception', ['error', 'text']],
  ['root', ['root', 'exact']],
  ['parent', ['parent', 'exact']],
  ['retries', ['retries', 'number']],
  ['runtime', ['runtime', 'number']],
  ['sent', ['sent', 'time']],
  ['received', ['received', 'time']],
  ['started', ['started', 'time']],
  ['ended', ['ended', 'time']],
])
/** Flower's fields; it treats any other word with a colon as text. */
const FLOWER_FIELDS: ReadonlySet<string> = new Set(['name', 'state', 'worker', 'args', 'kwargs', 'result'])
const SHORTEST_OF_FLOWER = 3

/** The options for parsing a search. */
export interface SearchOptions {
  /** The reference for relative times such as `2h`, two hours ago. */
  readonly nowMs: number
  /** Refuse what Flower refuses: NOT, `-word`, words of fewer than three characters. Default false. */
  readonly isFlower?: boolean
}

/** Reads one word: `text`, `field:text`, `field:=text`, `field:>value`, `field:from..to`. */
export function parseTerm(token: Token, options: SearchOptions): SearchNode {
  const colon = token.value.indexOf(':')
  const name = token.value.slice(0, Math.max(0, colon)).toLowerCase()
  const known = options.isFlower && !FLOWER_FIELDS.has(name) ? undefined : FIELDS.get(name)
  if (!known) {
    if (options.isFlower) checkAsFlower(token, token.value, token.value.startsWith('-'))
    return { kind: 'term', field: 'text', relation: 'contains', value: token.value }
  }
  const [field, kind] = known
  const value = token.value.slice(colon + 1)
  if (value === '')
    throw new SearchSyntaxError('Search qualifier requires a value', token.position, token.length)
  if (kind === 'time' || kind === 'number') return parseRange(token, field, kind, value, options.nowMs)
  if (field === 'state') return { kind: 'term', field, relation: 'is', value: value.toUpperCase() }
  if (kind === 'exact') return { kind: 'term', field, relation: 'is', value }
  if (field === 'kwargs' && value.includes('=') && !value.startsWith('=')) return pairOf(value)
  if (options.isFlower) checkAsFlower(token, value, false)
  else if (value.length > 1 && value.startsWith('='))
    return { kind: 'term', field, relation: 'is', value: value.slice(1) }
  return { kind: 'term', field, relation: 'contains', value }
}

function checkAsFlower(token: Token, value: string, isNegated: boolean): void {
  if (isNegated) throw new SearchSyntaxError("Negation with '-' is not supported", token.position, 1)
  if (value.trim().length >= SHORTEST_OF_FLOWER) return
  throw new SearchSyntaxError(
    `Substring search terms must contain at least ${SHORTEST_OF_FLOWER} characters`,
    token.position,
    token.length,
  )
}

/** `kwargs:key=value`: the pair as written by Python and Lovage, the value with or without quotes. */
function pairOf(text: string): SearchNode {
  const at = text.indexOf('=')
  const [key, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()]
  const forms = [`'${key}': '${value}'`, `'${key}': "${value}"`, `'${key}': ${value},`, `'${key}': ${value}}`]
  return {
    kind: 'or',
    of: forms.map((form) => ({ kind: 'term', field: 'kwargs', relation: 'contains', value: form })),
  }
}

function parseRange(
  token: Token,
  field: SearchField,
  kind: 'time' | 'number',
  text: string,
  nowMs: number,
): SearchNode {
  const read = kind === 'time' ? (one: string) => readTime(one, nowMs) : readNumber
  const one = (relation: SearchRelation, [value]: readonly [number, number]): SearchNode => ({
    kind: 'term',
    field,
    relation,
    value,
  })
  const wanted = (part: string): readonly [number, number] => {
    const span = read(part)
    if (span) return span
    const example =
      kind === 'time'
        ? 'a time is 2026-11-29, 2026-11-29T14:30, or 2h for two hours ago'
        : 'a number is 3 or 2.5'
    throw new SearchSyntaxError(
      `${JSON.stringify(part)} cannot be read: ${example}`,
      token.position,
      token.length,
    )
  }
  const [, sign, rest = ''] = /^(>=|<=|>|<)?(.*)$/s.exec(text) ?? []
  const [least, most] = kind === 'time' ? (['after', 'before'] as const) : (['more', 'less'] as const)
  if (sign === undefined && rest.includes('..')) {
    const [from = '', to = ''] = rest.split('..', 2)
    const bounds = [
      ...(from === '' ? [] : [one(least, wanted(from))]),
      ...(to === '' ? [] : [one(most, [wanted(to)[1], 0])]),
    ]
    const [only] = bounds
    if (!only) throw new SearchSyntaxError('A range needs a bound', token.position, token.length)
    return bounds.length === 1 ? only : { kind: 'and', of: bounds }
  }
  const span = wanted(rest)
  if (sign?.startsWith('>'))
    return one(least, [sign === '>=' || kind === 'time' ? span[0] : above(span[0]), 0])
  if (sign?.startsWith('<')) return one(most, [sign === '<=' ? span[1] : below(kind, span[0]), 0])
  return { kind: 'and', of: [one(least, span), one(most, [span[1], 0])] }
}

/** Bounds are inclusive: the next number above, or below, an excluded one. */
const above = (value: number): number => value + Math.max(Number.EPSILON * Math.abs(value), Number.MIN_VALUE)
const below = (kind: 'time' | 'number', value: number): number =>
  kind === 'time' ? value - 1 : value - Math.max(Number.EPSILON * Math.abs(value), Number.MIN_VALUE)

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** The first and last millisecond of a given time: a day, a minute, or a moment. */
function readTime(text: string, nowMs: number): readonly [number, number] | undefined {
  const ago = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text)
  if (ago) {
    const ms = Math.round(nowMs - Number(ago[1]) * (UNITS_MS[ago[2] ?? ''] ?? 0))
    return [ms, ms]
  }
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text)
  if (!parts) return undefined
  const [, day = '', minute, second, zone = 'Z'] = parts
  const ms = Date.parse(`${day}T${minute ?? '00:00'}${second ?? ':00'}${zone}`)
  if (Number.isNaN(ms)) return undefined
  const length = minute === undefined ? 86_400_000 : second === undefined ? 60_000 : 1000
  return [ms, ms + length - 1]
}

function readNumber(text: string): readonly [number, number] | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? [Number(text), Number(text)] : undefined
}
