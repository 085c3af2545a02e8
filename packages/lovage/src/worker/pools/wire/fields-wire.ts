import { errorFromWire, errorToWire, type WireError } from './error-wire.js'

/** The fields of a log line as JSON. A line must never fail its task: values that JSON cannot hold become text. */
export function fieldsToWire(fields: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(fields, (_key, value: unknown) => {
      if (value instanceof Error) return { $error: errorToWire(value) }
      return typeof value === 'bigint' || typeof value === 'function' ? String(value) : value
    })
  } catch (error) {
    return JSON.stringify({ unprintable: String(error) })
  }
}

/** The parsed fields, with errors as errors, in the form that loggers print. */
export function fieldsFromWire(json: string): object {
  const revive = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && '$error' in value
      ? errorFromWire(value.$error as WireError)
      : value
  // An object was written.
  return JSON.parse(json, revive) as object
}
