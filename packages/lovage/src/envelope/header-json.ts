import { encodeJson, NO_LIMITS, NO_STAMPS, OWN_HEADERS } from '../message/index.js'

type Headers = Readonly<Record<string, unknown>>

/**
 * The JSON of a message's headers, as `encodeJson` writes it. The headers of a call without special options, in the order of
 * `encodeTask`, are written from a template: that takes half the time. Texts may follow them, such as the context of a trace.
 */
export function encodeHeaders(headers: Headers): string {
  const count = countOrdinary(headers)
  if (count === OWN_HEADERS.length) return `${ordinary(headers)}}`
  return count > OWN_HEADERS.length
    ? `${ordinary(headers)}${following(headers)}}`
    : encodeJson(headers, 'headers')
}

/** How many headers there are, or 0 when they are not ordinary ones. */
function countOrdinary(headers: Headers): number {
  let count = 0
  for (const name in headers) {
    const value = headers[name]
    if (count >= OWN_HEADERS.length) {
      // Some names are Celery's for values that JSON lacks.
      if (typeof value !== 'string' || name.startsWith('__')) return 0
    } else {
      if (name !== OWN_HEADERS[count] || value === undefined) return 0
      if (typeof value === 'object' && value !== null && value !== NO_LIMITS && value !== NO_STAMPS) return 0
    }
    count++
  }
  return count
}

function following(headers: Headers): string {
  let text = ''
  let place = 0
  for (const name in headers)
    if (place++ >= OWN_HEADERS.length) text += `,${shared(name)}:${JSON.stringify(headers[name])}`
  return text
}

function ordinary(h: Headers): string {
  const id = json(h.id)
  // Nearly always a task of its own, called without the options that these headers hold.
  const own = h.group === null && h.retries === 0 && h.timelimit === NO_LIMITS && h.root_id === h.id
  const place = own
    ? `"group":null,"group_index":${json(h.group_index)},"retries":0,"timelimit":[null,null],"root_id":${id}`
    : `"group":${json(h.group)},"group_index":${json(h.group_index)},"retries":${json(h.retries)},"timelimit":${json(h.timelimit)},"root_id":${json(h.root_id)}`
  return (
    `{"lang":${shared(h.lang)},"task":${shared(h.task)},"id":${id},"shadow":${json(h.shadow)}` +
    `,"eta":${json(h.eta)},"expires":${json(h.expires)},${place}` +
    `,"parent_id":${json(h.parent_id)},"argsrepr":${json(h.argsrepr)},"kwargsrepr":${json(h.kwargsrepr)}` +
    `,"origin":${shared(h.origin)},"ignore_result":${json(h.ignore_result)}` +
    `,"replaced_task_nesting":${json(h.replaced_task_nesting)},"stamped_headers":${json(h.stamped_headers)}` +
    `,"stamps":${json(h.stamps)},"x-lovage-sent":${json(h['x-lovage-sent'])}`
  )
}

function json(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === NO_LIMITS) return '[null,null]'
  if (value === NO_STAMPS) return '{}'
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value)
  return encodeJson(value, 'headers')
}

const MOST_SHARED = 1000
const SHARED = new Map<unknown, string>()

/** The cached JSON of a string that most messages share. */
export function shared(text: unknown): string {
  const known = SHARED.get(text)
  if (known !== undefined) return known
  if (SHARED.size >= MOST_SHARED) SHARED.clear()
  const written = json(text)
  SHARED.set(text, written)
  return written
}
