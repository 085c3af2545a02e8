import { types } from 'node:util'
import { isSecretName, MASK } from '../kernel/index.js'
import { jsonTypeOf } from './json-types.js'

/** Celery's own limit for `argsrepr` and `kwargsrepr`. */
const MAX_REPR = 1024

/** Deeper containers show as `...`; this also ends cycles. */
const MAX_LEVELS = 5

/**
 * Positional arguments as Python shows a tuple: `(1, 'a', None)`. For people and monitors only. At most `max`
 * characters, however large the value; never throws.
 */
export function reprArgs(args: readonly unknown[], max: number = MAX_REPR): string {
  if (args.length === 0) return '()'
  return guarded(max, () => `${listItems(args, '(', max, 1)}${args.length === 1 ? ',)' : ')'}`)
}

/** Keyword arguments as Python shows a dict: `{'x': 1}`; see `reprArgs`. Values under secret names are masked at any depth. */
export function reprKwargs(kwargs: Readonly<Record<string, unknown>>, max: number = MAX_REPR): string {
  return guarded(max, () => reprRecord(kwargs, max, 1))
}

/** Any value as Python would show it, for results in logs and events; see `reprArgs`. */
export function reprValue(value: unknown, max: number = MAX_REPR): string {
  return guarded(max, () => repr(value, max, 0))
}

function guarded(max: number, make: () => string): string {
  try {
    const text = make()
    return text.length > max ? `${text.slice(0, Math.max(0, max - 3))}...` : text
  } catch {
    // A user's getter or proxy threw; a repr is only for display and must not stop a call.
    return '<unprintable>'
  }
}

/** May return more than `left` characters, but never walks far beyond them. */
function repr(value: unknown, left: number, level: number): string {
  switch (typeof value) {
    case 'string':
      return reprString(value, left)
    case 'number':
      return reprNumber(value)
    case 'boolean':
      return value ? 'True' : 'False'
    case 'bigint':
      // Converting a huge integer to digits takes quadratic time, and only 1024 of them are shown.
      return value > -HUGE && value < HUGE ? value.toString() : '<huge int>'
    case 'undefined':
      return 'None'
    case 'object':
      return value === null ? 'None' : reprObject(value, left, level)
    case 'function':
      return `<function ${value.name}>`
    default:
      return '<symbol>'
  }
}

const HUGE = 2n ** 4096n

function reprObject(value: object, left: number, level: number): string {
  if (level >= MAX_LEVELS) return '...'
  if (Array.isArray(value)) return `${listItems(value, '[', left, level + 1)}]`
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'NaT' : `'${value.toISOString()}'`
  if (types.isUint8Array(value)) return reprBytes(value, left)
  const type = jsonTypeOf(value)
  if (type === 'decimal') return `Decimal('${String(value)}')`
  if (type === 'uuid') return `UUID('${String(value)}')`
  if (type !== undefined) return `'${String(value)}'`
  if (isPlainValue(value)) return reprRecord(value, left, level + 1)
  return `<${value.constructor?.name ?? 'object'}>`
}

/** An object literal, as opposed to an instance of something. */
export function isPlainValue(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function listItems(items: readonly unknown[], open: string, left: number, level: number): string {
  let text = open
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ', '
    text += repr(items[i], left - text.length, level)
    if (text.length > left) break
  }
  return text
}

function reprRecord(record: Readonly<Record<string, unknown>>, left: number, level: number): string {
  let text = '{'
  for (const key in record) {
    if (text.length > 1) text += ', '
    text += `${reprString(key, left)}: `
    text += isSecretName(key) ? `'${MASK}'` : repr(record[key], left - text.length, level)
    if (text.length > left) break
  }
  return `${text}}`
}

// Control and format characters, no-break space, line separators, lone surrogates.
const NEEDS_ESCAPE = /['\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u00a0]/u
const ESCAPES = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u00a0]/gu
const SHORT: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function reprString(value: string, left: number): string {
  const text = value.length > left ? value.slice(0, Math.max(0, left) + 1) : value
  if (!NEEDS_ESCAPE.test(text)) return `'${text}'`
  const escaped = text.replace(ESCAPES, (char) => {
    const code = char.codePointAt(0) ?? 0
    if (code < 0x100) return SHORT[char] ?? `\\x${hex(code, 2)}`
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
  })
  if (!escaped.includes("'")) return `'${escaped}'`
  return escaped.includes('"') ? `'${escaped.replaceAll("'", "\\'")}'` : `"${escaped}"`
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')

function reprNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Number.isSafeInteger(value)) return String(value)
  const text = Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
  // Python switches to exponents earlier for small numbers, and writes them with at least two digits.
  return text.replace(/e([+-])(\d)$/, (_all, sign, digit) => `e${sign}0${digit}`)
}

function reprBytes(value: Uint8Array, left: number): string {
  let text = "b'"
  for (const byte of value) {
    if (text.length > left) break
    if (byte === 39 || byte === 92) text += `\\${String.fromCharCode(byte)}`
    else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${hex(byte, 2)}`
  }
  return `${text}'`
}
