/** Headers as applications see them: JSON values, bigint where a number would be rounded, bytes as Buffer. */
export type Headers = Readonly<Record<string, unknown>>

/** Nesting limit of a table; more would exhaust a reader's stack. */
export const DEEPEST = 100

const INT32 = 2 ** 31
const INT64 = 2n ** 63n

/**
 * Headers in the form that the client library writes. py-amqp reads field tables by the type letters of the AMQP specification: RabbitMQ's
 * `s` (int16) is a short string there and `b` (int8) is unsigned, so every integer is written as 32 or 64 bits, and every other number
 * as a double, which both agree on. 64-bit integers are unsigned in Python too: a negative number that needs them is a double.
 */
export function writeHeaders(headers: Headers): Record<string, unknown> {
  const written: Record<string, unknown> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) written[name] = writeValue(value)
  }
  return written
}

function writeValue(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      if (!Number.isInteger(value)) return { '!': 'double', value }
      if (value >= -INT32 && value < INT32) return { '!': 'int', value }
      return Number.isSafeInteger(value) && value > 0 ? { '!': 'long', value } : { '!': 'double', value }
    case 'bigint':
      if (Number.isSafeInteger(Number(value))) return writeValue(Number(value))
      // Beyond that only text is lossless.
      return value > 0n && value < INT64 ? { '!': 'long', value } : String(value)
    case 'object':
      if (value === null || Buffer.isBuffer(value)) return value
      if (Array.isArray(value)) return value.map(writeValue)
      if (value instanceof Date) return { '!': 'timestamp', value: Math.floor(value.getTime() / 1000) }
      // Other objects are written by their fields, as JSON does.
      return writeHeaders(value as Headers)
    case 'string':
    case 'boolean':
      return value
    default:
      return null
  }
}
