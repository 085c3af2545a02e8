import { isLate, type TaskEvent, type TaskFacts, type ToldState } from './task-event.js'

/** A task as seen in its events. Fields not reported are undefined. */
export interface SeenTask {
  readonly id: string
  readonly name: string | undefined
  /** PENDING (sent), RECEIVED, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED, REJECTED, or the name of a custom event. */
  readonly state: string
  /** The node that last reported it. */
  readonly worker: string | undefined
  /** The producer, where `task-sent` is sent. */
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
  /** Its group, or the chord whose body it is. Celery's own workers and producers do not tell. */
  readonly groupId: string | undefined
  readonly queue: string | undefined
  /** 0–100. */
  readonly percent: number | undefined
  /** When its state was reported, by the sender's clock, in Unix ms. */
  readonly changedMs: number
  /** When each kind of event (`received`, `started`, …) was last sent, in Unix ms. */
  readonly times: Readonly<Record<string, number>>
}

/** Event kinds whose times are kept per task. */
const MAX_KINDS = 24

/** The record of a task. */
export class TaskRecord {
  readonly id: string
  /** Lamport's clock of the newest event. */
  clock = 0
  #changedMs = 0
  #facts: TaskFacts = {}
  readonly #times = new Map<string, number>()
  /** The event that set the state. */
  #told: ToldState | undefined

  constructor(id: string) {
    this.id = id
  }

  get state(): string {
    return this.#told?.state ?? 'PENDING'
  }
  get worker(): string | undefined {
    return this.#facts.worker
  }
  get name(): string | undefined {
    return this.#facts.name
  }

  /** Processes an event. A late one fills in missing fields, and changes nothing else. */
  add({ kind, state, ms, process, clock, facts }: TaskEvent): void {
    this.clock = Math.max(this.clock, clock)
    if (this.#times.size < MAX_KINDS || this.#times.has(kind)) this.#times.set(kind, ms)
    if (isLate(this.#told, { state, process, clock })) {
      this.#facts = { ...facts, ...this.#facts }
      return
    }
    this.#facts = { ...this.#facts, ...facts }
    this.#changedMs = ms
    this.#told = { state, process, clock }
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
      groupId: undefined,
      queue: undefined,
      percent: undefined,
      ...this.#facts,
      id: this.id,
      state: this.state,
      changedMs: this.#changedMs,
      times: Object.fromEntries(this.#times),
    }
  }
}
