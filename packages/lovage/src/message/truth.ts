/** Words that mean no, where a command line or a form can send only words. */
const NO: ReadonlySet<string> = new Set(['', '0', 'f', 'false', 'n', 'no', 'off', 'none'])

/**
 * Whether a value from Python is truthy: 0, None and empty values mean no. Strings are read as on Celery's command line (`false`, `no`,
 * `off` mean no), although Python treats any non-empty string as true.
 */
export function isTruthy(value: unknown): boolean {
  if (typeof value === 'string') return !NO.has(value.trim().toLowerCase())
  if (typeof value === 'number') return value !== 0
  if (typeof value !== 'object' || value === null) return Boolean(value)
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0
  const prototype: unknown = Object.getPrototypeOf(value)
  const isRecord = prototype === Object.prototype || prototype === null
  return !isRecord || Object.keys(value).length > 0
}
