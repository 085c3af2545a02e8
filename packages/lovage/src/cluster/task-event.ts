import type { Event } from '../events/index.js'
import { countOf, nameOf, numberOf, secondsOf, textOf, tracebackOf } from './bounded.js'

/** A task's fields in an event, each bounded: names to 256 characters, texts to 1,024, tracebacks to 16,384. */
export interface TaskFacts {
  readonly name?: string
  /** The node that sent it. */
  readonly worker?: string
  /** The producer, of `task-sent`. */
  readonly client?: string
  /** As logs show them. */
  readonly args?: string
  readonly kwargs?: string
  readonly result?: string
  readonly exception?: string
  readonly traceback?: string
  /** Seconds. */
  readonly runtime?: number
  readonly retries?: number
  readonly eta?: string
  readonly expires?: string
  readonly rootId?: string
  readonly parentId?: string
  /** Its group, or the chord whose body it is. Celery's own workers and producers do not tell. */
  readonly groupId?: string
  readonly queue?: string
  /** 0–100. */
  readonly percent?: number
}

/** The source of a state: events of one process are ordered by its logical clock. */
export interface ToldState {
  readonly state: string
  readonly process: string
  /** 0 when it has none. */
  readonly clock: number
}

/** A decoded `task-…` event. */
export interface TaskEvent extends ToldState {
  readonly id: string
  /** `received`, `succeeded`, …: its type without `task-`. */
  readonly kind: string
  /** When it was sent, by the sender's clock, in Unix ms. */
  readonly ms: number
  readonly facts: TaskFacts
}

const STATES: ReadonlyMap<string, string> = new Map([
  ['sent', 'PENDING'],
  ['received', 'RECEIVED'],
  ['started', 'STARTED'],
  ['succeeded', 'SUCCESS'],
  ['failed', 'FAILURE'],
  ['retried', 'RETRY'],
  ['revoked', 'REVOKED'],
  ['rejected', 'REJECTED'],
])

/** Highest first; a state not listed is a custom one, between FAILURE and REVOKED. */
const PRECEDENCE = [
  'SUCCESS',
  'FAILURE',
  '',
  'REVOKED',
  'STARTED',
  'RECEIVED',
  'REJECTED',
  'RETRY',
  'PENDING',
]
const LONGEST_TYPE = 128
const PREFIX = 'task-'

/**
 * Reads a task event for monitors, bounded for any input; undefined for any other event, and for one without a node, an id or a time.
 *
 * @example
 * import { readTaskEvent } from 'lovage/monitor'
 * await app.events.listen({
 *   onEvents: (events) => {
 *     for (const event of events) console.log(readTaskEvent(event)?.state)
 *   },
 * })
 */
export function readTaskEvent(event: Event): TaskEvent | undefined {
  const { type, timestamp } = event
  if (!type.startsWith(PREFIX) || type.length > LONGEST_TYPE || !Number.isFinite(timestamp)) return undefined
  const node = nameOf(event.hostname)
  const id = nameOf(event.uuid)
  if (node === undefined || id === undefined) return undefined
  const kind = type.slice(PREFIX.length)
  return {
    id,
    kind,
    state: STATES.get(kind) ?? kind.toUpperCase(),
    ms: timestamp * 1000,
    process: `${node} ${numberOf(event.pid) ?? ''}`,
    clock: numberOf(event.clock) ?? 0,
    facts: factsOf(event, kind, node),
  }
}

/**
 * Whether a reported state comes too late to replace the known one. Events of one process are ordered by its logical clock. Events of
 * several processes have no common order: there, a state that usually precedes another does not replace it, except around a retry, after
 * which everything happens again.
 *
 * @example
 * import { isLate, type ToldState } from 'lovage/monitor'
 * const isNews = (known: ToldState | undefined, told: ToldState) => !isLate(known, told)
 */
export function isLate(known: ToldState | undefined, told: ToldState): boolean {
  if (known?.process === told.process && told.clock > 0 && known.clock > 0) {
    // After success, only a redelivery sends events again, and it changes nothing.
    if (known.state === 'SUCCESS' && told.state !== 'SUCCESS') return true
    return told.clock < known.clock
  }
  const state = known?.state ?? 'PENDING'
  if (told.state === 'RETRY' || state === 'RETRY') return false
  return rankOf(told.state) > rankOf(state)
}

const rankOf = (state: string): number => {
  const rank = PRECEDENCE.indexOf(state)
  return rank < 0 ? PRECEDENCE.indexOf('') : rank
}

/** The fields of an event worth keeping. Tens of thousands arrive per second: absent fields are not created. */
function factsOf(event: Event, kind: string, node: string): TaskFacts {
  const facts: { -readonly [Key in keyof TaskFacts]: TaskFacts[Key] } = {}
  if (kind === 'sent') facts.client = node
  else facts.worker = node
  const put = <Key extends keyof TaskFacts>(key: Key, value: TaskFacts[Key] | undefined): void => {
    if (value !== undefined) facts[key] = value
  }
  put('name', nameOf(event.name))
  put('args', textOf(event.args))
  put('kwargs', textOf(event.kwargs))
  put('result', textOf(event.result))
  put('exception', textOf(event.exception))
  put('traceback', tracebackOf(event.traceback))
  put('runtime', secondsOf(event.runtime))
  put('retries', countOf(event.retries))
  put('eta', nameOf(event.eta))
  put('expires', nameOf(event.expires))
  put('rootId', nameOf(event.root_id))
  put('parentId', nameOf(event.parent_id))
  put('groupId', nameOf(event.group_id))
  put('queue', nameOf(event.queue))
  put('percent', numberOf(event.percent))
  return facts
}
