import { MessageError } from '../kernel/index.js'
import { parseTime } from './times.js'
import { isTruthy } from './truth.js'
import type { TaskHeaders } from './types.js'

/** Header names defined by the protocol, in Celery's order. */
const STANDARD = [
  'lang',
  'task',
  'id',
  'shadow',
  'eta',
  'expires',
  'group',
  'group_index',
  'retries',
  'timelimit',
  'root_id',
  'parent_id',
  'argsrepr',
  'kwargsrepr',
  'origin',
  'ignore_result',
  'replaced_task_nesting',
  'stamped_headers',
  'stamps',
  'compression',
] as const

const STANDARD_SET: ReadonlySet<string> = new Set(STANDARD)

/** Custom header of our producers: the send time in Unix ms. A retry gets a new one. */
export const SENT_HEADER = 'x-lovage-sent'

/** Our header on calls with a caller-chosen id: the time of the call in Unix ms. Reusing an id begins another life. */
export const LIFE_HEADER = 'x-lovage-life'

/** The start, in Unix ms, of the life of a task with a chosen id; undefined when the id was generated for this one call. */
export function lifeSince(headers: Readonly<Record<string, unknown>>): number | undefined {
  const since = headers[LIFE_HEADER]
  return typeof since === 'number' && Number.isFinite(since) ? since : undefined
}

/** Distinguishes a task from earlier ones with the same id: the same in all its retries. */
export function lifeOf(headers: Pick<TaskHeaders, 'id'> & Readonly<Record<string, unknown>>): string {
  const since = lifeSince(headers)
  return since === undefined ? headers.id : `${headers.id}@${since}`
}

/** Our header on a chord's body: the id of the join that it follows, for linking it to the members. */
export const JOIN_HEADER = 'x-lovage-join'

/** The headers of a call without special options, in the order in which they are built. */
export const OWN_HEADERS: readonly string[] = [
  ...STANDARD.filter((name) => name !== 'compression'),
  SENT_HEADER,
]
/** Shared by calls without limits and stamps. */
export const NO_LIMITS = Object.freeze([null, null] as const)
export const NO_STAMPS: Readonly<Record<string, unknown>> = Object.freeze({})

/** Set by brokers in transit; they say nothing about the next message. */
const TRANSPORT = new Set<string>([
  SENT_HEADER,
  'redelivered',
  'x-death',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-delivery-count',
  'x-acquired-count',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
])

/** Whether a header belongs to the protocol and so may not be set by users. */
export const isStandardHeader = (name: string): boolean => STANDARD_SET.has(name)

/** The user's own headers, which a retry keeps. */
export function customHeaders(headers: TaskHeaders): Record<string, unknown> {
  const custom: Record<string, unknown> = {}
  for (const name in headers) {
    if (!STANDARD_SET.has(name) && !TRANSPORT.has(name)) custom[name] = headers[name]
  }
  return custom
}

/** The error for a malformed message. */
export function malformed(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): MessageError {
  return new MessageError(message, { code: 'LVG_MESSAGE_MALFORMED', details, cause })
}

/** Headers while they are being built. */
export type HeadersInWork = { -readonly [Name in keyof TaskHeaders]: TaskHeaders[Name] }

type Fields = Readonly<Record<string, unknown>>

/** Checks headers and fills in optional ones. */
export function completeHeaders(headers: Fields): TaskHeaders | MessageError {
  const { task, id } = headers
  if (typeof task !== 'string' || task === '') return malformed('the header task is not a name')
  if (typeof id !== 'string' || id === '')
    return malformed(`the message of ${task.slice(0, 256)} has no id`, { task })
  const problem = findProblem(headers)
  if (problem !== undefined) return malformed(`the header ${problem}`, { task, id })
  if (isComplete(headers)) return headers
  const ignore = headers.ignore_result
  const completed: HeadersInWork = {
    ...headers,
    lang: text(headers.lang),
    task,
    id,
    shadow: nullable(headers.shadow),
    eta: nullable(headers.eta),
    expires: nullable(headers.expires),
    group: nullable(headers.group),
    group_index: typeof headers.group_index === 'number' ? headers.group_index : null,
    retries: typeof headers.retries === 'number' ? headers.retries : 0,
    timelimit: isTimeLimit(headers.timelimit) ? headers.timelimit : null,
    root_id: nullable(headers.root_id),
    parent_id: nullable(headers.parent_id),
    argsrepr: text(headers.argsrepr),
    kwargsrepr: text(headers.kwargsrepr),
    origin: text(headers.origin),
    replaced_task_nesting:
      typeof headers.replaced_task_nesting === 'number' ? headers.replaced_task_nesting : 0,
    stamped_headers: isTextList(headers.stamped_headers) ? headers.stamped_headers : null,
    stamps: isFields(headers.stamps) ? headers.stamps : {},
  }
  if (ignore === null || ignore === undefined) delete completed.ignore_result
  else completed.ignore_result = isTruthy(ignore)
  if (completed.compression === null) delete completed.compression
  return completed
}

/** Whether valid headers need nothing filled in, as in our own messages and those of Celery ≥ 5.3. */
function isComplete(headers: Fields): headers is TaskHeaders {
  return (
    typeof headers.lang === 'string' &&
    headers.shadow !== undefined &&
    headers.eta !== undefined &&
    headers.expires !== undefined &&
    headers.group !== undefined &&
    headers.group_index !== undefined &&
    typeof headers.retries === 'number' &&
    headers.timelimit !== undefined &&
    headers.root_id !== undefined &&
    headers.parent_id !== undefined &&
    typeof headers.argsrepr === 'string' &&
    typeof headers.kwargsrepr === 'string' &&
    typeof headers.origin === 'string' &&
    typeof headers.replaced_task_nesting === 'number' &&
    headers.stamped_headers !== undefined &&
    isFields(headers.stamps) &&
    (headers.ignore_result === undefined ||
      headers.ignore_result === null ||
      typeof headers.ignore_result === 'boolean') &&
    headers.compression !== null
  )
}

/** The first header whose value would mislead a worker, with the expected form. */
function findProblem(headers: Fields): string | undefined {
  for (const name of ['shadow', 'group', 'root_id', 'parent_id', 'compression'] as const) {
    const value = headers[name]
    if (value !== undefined && value !== null && typeof value !== 'string')
      return `${name} is neither a string nor null`
  }
  for (const name of ['eta', 'expires'] as const) {
    const value = headers[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string' || parseTime(value) === undefined) return `${name} is not an ISO 8601 time`
  }
  for (const name of ['retries', 'group_index', 'replaced_task_nesting'] as const) {
    const value = headers[name]
    if (value === undefined || value === null) continue
    if (!Number.isSafeInteger(value) || Number(value) < 0) return `${name} is not a whole number`
  }
  const { timelimit, stamped_headers: stamped, stamps } = headers
  if (timelimit !== undefined && timelimit !== null && !isTimeLimit(timelimit)) {
    return 'timelimit is neither null nor a pair of seconds'
  }
  if (stamped !== undefined && stamped !== null && !isTextList(stamped))
    return 'stamped_headers is not a list of names'
  if (stamps !== undefined && stamps !== null && !isFields(stamps)) return 'stamps is not an object'
  return undefined
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const nullable = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** Whether a value is a record of fields. */
export function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isTimeLimit(value: unknown): value is readonly [number | null, number | null] {
  return Array.isArray(value) && value.length === 2 && isLimit(value[0]) && isLimit(value[1])
}

const isLimit = (value: unknown): boolean =>
  value === null || (typeof value === 'number' && Number.isFinite(value) && value >= 0)
