import { isUtf8 } from 'node:buffer'
import type { JsonTypeName } from './json-types.js'
import { formatTime } from './times.js'

/** The spellings that differ between JSON's relatives. undefined: the format has no form for the value. */
export interface Dialect {
  readonly comma: string
  readonly colon: string
  string(text: string): string
  key(text: string): string
  number(value: number): string
  /** Throws a RangeError for a time outside the years 1 to 9999. */
  date(value: Date): string
  bytes(value: Buffer): string | undefined
  /** One of our value classes, by its `toString`. */
  special(type: JsonTypeName, text: string): string | undefined
  /** Whether an object with exactly the fields `__type__` and `__value__` would be read as something else. */
  readonly reserved: boolean
}

const quote = (text: string): string => JSON.stringify(text)
const typed = (type: string, text: string): string => `{"__type__":"${type}","__value__":${quote(text)}}`

/** kombu's JSON since 5.3. */
export const TYPED_JSON: Dialect = {
  comma: ',',
  colon: ':',
  string: quote,
  key: quote,
  number: jsonNumber,
  date: (value) => typed('datetime', formatTime(value)),
  bytes: (value) =>
    isUtf8(value) ? typed('bytes', value.toString('utf8')) : typed('base64', value.toString('base64')),
  special: (type, text) =>
    type === 'uuid'
      ? `{"__type__":"uuid","__value__":{"hex":"${text.replaceAll('-', '')}"}}`
      : typed(type, text),
  reserved: true,
}

/** kombu's JSON before 5.3: values without a JSON type are written as text; bytes have no form. */
export const PLAIN_JSON: Dialect = {
  ...TYPED_JSON,
  date: (value) => quote(formatTime(value)),
  bytes: () => undefined,
  special: (_type, text) => quote(text),
}

/**
 * YAML 1.1 in flow style, with every string quoted and ASCII only: PyYAML and its kin disagree about bare words (`no`, `1e3`, `12:30`)
 * and unusual characters, but not about this.
 */
export const YAML: Dialect = {
  comma: ', ',
  colon: ': ',
  string: yamlString,
  // PyYAML looks at most 1024 characters ahead for the colon after a key, unless the key is marked with `?`.
  key: (text) => (text.length > 100 ? `? ${yamlString(text)}` : yamlString(text)),
  number: yamlNumber,
  date: (value) => `!!timestamp ${quote(formatTime(value))}`,
  bytes: (value) => `!!binary "${value.toString('base64')}"`,
  special: () => undefined,
  reserved: false,
}

/**
 * A number as Python writes it: NaN and the infinities by name, and a whole number beyond 2^53 with an exponent. It is a float; plain
 * digits would suggest that it is exact.
 */
function jsonNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  return isFloatInDisguise(value) ? value.toExponential() : JSON.stringify(value)
}

const isFloatInDisguise = (value: number): boolean => Number.isInteger(value) && !Number.isSafeInteger(value)

function yamlNumber(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf'
  const text = isFloatInDisguise(value) ? value.toExponential() : String(value)
  // Without a point before the exponent, PyYAML reads it as a string.
  return text.includes('e') && !text.includes('.') ? text.replace('e', '.0e') : text
}

function yamlString(text: string): string {
  return quote(text).replace(/[^\u0020-\u007e]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0
    return code < 0x10000
      ? `\\u${code.toString(16).padStart(4, '0')}`
      : `\\U${code.toString(16).padStart(8, '0')}`
  })
}
