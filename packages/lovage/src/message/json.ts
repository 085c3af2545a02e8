import { PLAIN_JSON, TYPED_JSON } from './dialect.js'
import { JsonReader, type ReadOptions } from './json-reader.js'
import type { JsonTemplates } from './json-templates.js'
import { JsonWriter } from './json-writer.js'
import { MAX_DEPTH } from './limits.js'
import type { RootName } from './path.js'

/** Whether values that JSON lacks travel as kombu's typed objects or as plain strings. */
export type JsonTypes = 'typed' | 'plain'

/**
 * Writes kombu's JSON. Date, bytes, `Decimal`, `Uuid`, `PlainDate`, `PlainTime` become typed objects (or strings with `plain`), BigInt
 * plain digits, NaN and the infinities their Python names. Undefined fields are left out; `toJSON` is called. Everything else that
 * JSON.stringify would drop or blur (functions, symbols, undefined in a list, Map, Set, class instances, cycles, more than 900 levels)
 * throws a MessageError with the path to the value. `root` names the value in that path. With `integers: 'number'` a BigInt beyond ±(2^53
 * − 1) throws one too.
 */
export function encodeJson(
  value: unknown,
  root: RootName = '',
  types: JsonTypes = 'typed',
  integers: 'number' | 'bigint' = 'bigint',
): string {
  // Pure JSON, which is nearly every message, is left to the engine's own writer.
  return isPlain(value, 0)
    ? JSON.stringify(value)
    : new JsonWriter(types === 'plain' ? PLAIN_JSON : TYPED_JSON, root, integers).write(value)
}

function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') {
    return (
      (value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER) ||
      (Number.isFinite(value) && !Number.isInteger(value))
    )
  }
  if (typeof value !== 'object' || depth >= MAX_DEPTH) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) {
    // A plain object of unknown fields.
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined && !isPlain(member, depth + 1)) return false
    if (key === '__type__' || key === '__proto__') return false
  }
  return true
}

/**
 * Reads kombu's JSON, the counterpart of `encodeJson`. Throws a MessageError for text that is not JSON, an unknown or invalid typed
 * value, an integer out of range in `number` mode, a field named `__proto__`, and more than 900 levels. `templates`, for texts that are
 * mostly alike, makes it faster.
 */
export function decodeJson(
  text: string,
  options: ReadOptions = {},
  root: RootName = '',
  templates?: JsonTemplates,
): unknown {
  const known = templates?.read(text)
  if (known !== undefined) return known
  if (!needsCare(text)) {
    try {
      const value: unknown = JSON.parse(text)
      if (!hasManyBrackets(text) || !isDeeper(value, MAX_DEPTH)) {
        templates?.learn(text)
        return value
      }
    } catch {
      // NaN and the infinities are Python's, not JSON's: the reader below accepts them, or reports what is wrong.
    }
  }
  return new JsonReader(text, options, root).read()
}

/** Whether the text may hold anything that JSON.parse would let through or round. May return true needlessly. */
const needsCare = (text: string): boolean => mayNameTypes(text) || hasLongInteger(text)

/** Whether the text may hold names of typed values, or `__proto__`, perhaps written as escapes. */
export const mayNameTypes = (text: string): boolean =>
  text.includes('__') || (text.includes('\\u00') && /\\u00[567]/.test(text))

/** 2^53 − 1; longer digit runs, or greater ones of the same length, exceed a number's range. */
const GREATEST = '9007199254740991'

function hasLongInteger(text: string): boolean {
  // Asking a text for its length each time would cost more than looking at the character.
  const size = text.length
  // A run of 16 digits covers a multiple of 16, so every 16th character is enough to look at.
  for (let probe = 15; probe < size; probe += 16) {
    if (!isDigit(text.charCodeAt(probe))) continue
    let start = probe
    while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--
    let end = probe + 1
    while (end < size && isDigit(text.charCodeAt(end))) end++
    const length = end - start
    if (length > GREATEST.length || (length === GREATEST.length && text.slice(start, end) > GREATEST)) {
      if (isWholeToken(text, start, end)) return true
    }
    if (end > probe + 16) probe += Math.floor((end - probe) / 16) * 16 - 16
  }
  return false
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Whether the digits are an integer on their own, not a fraction and not clearly inside a string. */
function isWholeToken(text: string, start: number, end: number): boolean {
  const before = text[start - 1] === '-' ? text[start - 2] : text[start - 1]
  const after = text[end]
  return (
    (before === undefined || '[,: \n\r\t'.includes(before)) &&
    (after === undefined || ',]} \n\r\t'.includes(after))
  )
}

/** Whether there are enough brackets to exceed the nesting limit. */
function hasManyBrackets(text: string): boolean {
  if (text.length <= 2 * MAX_DEPTH) return false
  let left = MAX_DEPTH
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1))
      if (--left < 0) return true
  }
  return false
}

/** Whether parsed JSON has more levels than `levels`. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (isDeeper(value[i], levels - 1)) return true
    return false
  }
  // Every field is an own field: JSON.parse made it.
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}
