import { nameOf, numberOf, textOf, tracebackOf } from './bounded.js'
import type { Event } from './event.js'

/** A task as its events show it. What nobody has told is undefined. */
export interface SeenTask {
  readonly id: string
  readonly name: string | undefined
  /** PENDING (sent), RECEIVED, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED, REJECTED, or the name of a custom event. */
  readonly state: string
  /** The node that told of it last. */
  readonly worker: string | undefined
  /** The producer, where `task-sent` is told. */
  readonly client: string | undefined
  /** As logs show them. */
  readonly args: string | undefined
  readonly kwargs: string | undefined
  readonly result: string | undefined
  readonly exception: string | undefined
  readonly traceback: string | undefined
  /** Seconds. */
  readonly runtime: number | undefined
  readonly retries: number | undefined
  readonly eta: string | undefined
  readonly expires: string | undefined
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  readonly queue: string | undefined
  /** 0–100. */
  readonly percent: number | undefined
  /** When its state was told, by the clock of whoever told it, in Unix ms. */
  readonly changedMs: number
  /** When each kind of event (`received`, `started`, …) was told last, in Unix ms. */
  readonly times: Readonly<Record<string, number>>
}

/** Highest first; what is not here is a task's own state, between FAILURE and REVOKED. */
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
const rankOf = (state: string): number => {
  const rank = PRECEDENCE.indexOf(state)
  return rank < 0 ? PRECEDENCE.indexOf('') : rank
}

const STATES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    sent: 'PENDING',
    received: 'RECEIVED',
    started: 'STARTED',
    succeeded: 'SUCCESS',
    failed: 'FAILURE',
    retried: 'RETRY',
    revoked: 'REVOKED',
    rejected: 'REJECTED',
  }),
)
/** Kinds of events whose times are kept of one task. */
const MAX_KINDS = 24

type Facts = { -readonly [Key in keyof SeenTask]?: SeenTask[Key] }

/** What is remembered of a task. */
export class TaskRecord {
  readonly id: string
  /** Lamport's clock of the newest event. */
  clock = 0
  #state = 'PENDING'
  #changedMs = 0
  #facts: Facts = {}
  readonly #times = new Map<string, number>()
  /** Whose event made the state what it is, and by which clock: events of one process are in the order of its clock. */
  #by: { readonly process: string; readonly clock: number } | undefined

  constructor(id: string) {
    this.id = id
  }

  get state(): string {
    return this.#state
  }
  get worker(): string | undefined {
    return this.#facts.worker
  }
  get name(): string | undefined {
    return this.#facts.name
  }

  /** Takes a `task-…` event in. One that comes late adds what is missing, and changes nothing. */
  add(event: Event): void {
    const kind = event.type.slice('task-'.length)
    const state = STATES.get(kind) ?? kind.toUpperCase()
    const ms = event.timestamp * 1000
    const by = { process: `${event.hostname} ${event.pid ?? ''}`, clock: numberOf(event.clock) ?? 0 }
    this.clock = Math.max(this.clock, by.clock)
    if (this.#times.size < MAX_KINDS || this.#times.has(kind)) this.#times.set(kind, ms)
    const facts = factsOf(event, kind)
    if (this.#isLate(state, by)) {
      this.#facts = { ...facts, ...this.#facts }
      return
    }
    this.#facts = { ...this.#facts, ...facts }
    this.#state = state
    this.#changedMs = ms
    this.#by = by
  }

  view(): SeenTask {
    return {
      name: undefined,
      worker: undefined,
      client: undefined,
      args: undefined,
      kwargs: undefined,
      result: undefined,
      exception: undefined,
      traceback: undefined,
      runtime: undefined,
      retries: undefined,
      eta: undefined,
      expires: undefined,
      rootId: undefined,
      parentId: undefined,
      queue: undefined,
      percent: undefined,
      ...this.#facts,
      id: this.id,
      state: this.#state,
      changedMs: this.#changedMs,
      times: Object.fromEntries(this.#times),
    }
  }

  /**
   * Events of one process are ordered by its logical clock. Those of several have no common order: there a state that usually
   * comes before another does not replace it, except around a retry, after which everything happens again.
   */
  #isLate(state: string, by: { readonly process: string; readonly clock: number }): boolean {
    if (this.#by?.process === by.process && by.clock > 0 && this.#by.clock > 0) {
      // What has succeeded is told again only by a redelivery, which changes nothing.
      if (this.#state === 'SUCCESS' && state !== 'SUCCESS') return true
      return by.clock < this.#by.clock
    }
    if (state === 'RETRY' || this.#state === 'RETRY') return false
    return rankOf(state) > rankOf(this.#state)
  }
}

/** What an event says that it is worth keeping, each of it bounded. */
function factsOf(event: Event, kind: string): Facts {
  const node = nameOf(event.hostname)
  const found: Facts = {
    name: nameOf(event.name),
    ...(kind === 'sent' ? { client: node } : { worker: node }),
    args: textOf(event.args),
    kwargs: textOf(event.kwargs),
    result: textOf(event.result),
    exception: textOf(event.exception),
    traceback: tracebackOf(event.traceback),
    runtime: numberOf(event.runtime),
    retries: numberOf(event.retries),
    eta: nameOf(event.eta),
    expires: nameOf(event.expires),
    rootId: nameOf(event.root_id),
    parentId: nameOf(event.parent_id),
    queue: nameOf(event.queue),
    percent: numberOf(event.percent),
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}
