/** Words that mean no where a command line or a form can only say words. */
const NO: ReadonlySet<string> = new Set(['', '0', 'f', 'false', 'n', 'no', 'off', 'none'])

/**
 * Whether a value from the other language means yes, as Python's `if` takes it: 0, nothing, and what is empty mean no. Texts are read as
 * Celery's own command line reads them (`false`, `no`, `off`), where Python would take any that is not empty for yes.
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
