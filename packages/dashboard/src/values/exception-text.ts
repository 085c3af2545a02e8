import { toJson } from './lossless-json.js'

/** A stored failure as Python shows an exception, `ValueError('no')`; undefined for any other value. */
export function exceptionText(value: unknown): string | undefined {
  if (value instanceof Error) return `${value.name}(${shown(value.message)})`
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...value }
  const { exc_type: type, exc_message: message } = fields
  if (typeof type !== 'string') return undefined
  return `${type}(${(Array.isArray(message) ? message : [message]).map(shown).join(', ')})`
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return value === undefined || value === null ? 'None' : toJson(value)
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`
}
