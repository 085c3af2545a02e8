import { isFields } from './task-headers.js'

type Fields = Readonly<Record<string, unknown>>

/** Whether a body is protocol 1: an object where protocol 2 has a list; a hybrid has protocol 2 headers before such a body. */
export function isProtocol1(body: unknown): body is Fields {
  return isFields(body) && ('task' in body || 'args' in body)
}

/** Fields that belong to the body in protocol 2, or mean nothing there. */
const NOT_HEADERS = new Set([
  'args',
  'kwargs',
  'callbacks',
  'errbacks',
  'chord',
  'chain',
  'utc',
  'taskset',
  'embed',
])

/** The headers equivalent to a protocol 1 body; real headers win, and `taskset` is the old name for the group. */
export function headersOfProtocol1(headers: Fields, body: Fields): Fields {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body)) if (!NOT_HEADERS.has(name)) fields[name] = value
  if (typeof body.taskset === 'string') fields.group = body.taskset
  return { ...fields, ...headers }
}

/** The body triple equivalent to a protocol 1 body. */
export function tripleOfProtocol1(body: Fields): readonly [args: unknown, kwargs: unknown, embed: unknown] {
  const { args = [], kwargs = {}, callbacks = null, errbacks = null, chain = null, chord = null } = body
  return [args ?? [], kwargs ?? {}, { callbacks, errbacks, chain, chord }]
}
