import type { Event } from 'lovage'
import { readTaskEvent, type TaskEvent } from 'lovage/monitor'
import { GatheredTask } from '../history/gathered-task.js'
import type { RollupChange } from '../history/rollup.js'
import type { TaskRecord } from '../history/task-record.js'
import { redactText } from './redact-text.js'
import { Rollups } from './rollups.js'

/** An event's data for metrics. */
export interface Observed {
  readonly worker: string
  /** `task-received`, … */
  readonly type: string
  /** Empty when unknown. */
  readonly name: string
  /** Seconds; undefined where the event has none. */
  readonly runtime: number | undefined
  /** Seconds waited in the worker, reported when it starts. */
  readonly waited: number | undefined
  /** The change in the number of tasks that the worker holds but has not started. */
  readonly prefetched: -1 | 0 | 1
}

/** The limits of gathering before a write. */
export interface GatheringOptions {
  /** The most tasks waiting to be written; further ones are dropped and counted. Default 100,000. */
  readonly maxTasks?: number
  /** The most characters in waiting texts. Default 64 Mi. */
  readonly maxChars?: number
  /** Names of arguments whose values are not stored, in addition to secret names. */
  readonly redact?: readonly string[]
}

const MINUTE_MS = 60_000
/** About the length of a timeline's entry, without its error. */
const ENTRY_CHARS = 80
/** Task names and error types counted separately per minute; further ones are only in the totals. */
const MOST_NAMES = 500
const MOST_ERRORS = 100
/** The most started tasks remembered, because their later events lack the name. */
const MOST_BEGUN = 20_000
/** The texts in which secrets are hidden. */
const TEXTS = ['args', 'kwargs', 'result', 'exception', 'traceback'] as const
const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'revoked', 'rejected'])

/** Facts that a task's later events do not repeat. */
interface Begun {
  name: string | undefined
  receivedMs: number | undefined
  /** Whether a worker holds it, has not started it, and it has no ETA to wait for. */
  isPrefetched: boolean
}

/** Events on their way to the history: merged by task, counted by minute, with secrets hidden, and bounded for any input. */
export class Gathering {
  readonly #maxTasks: number
  readonly #maxChars: number
  readonly #redact: ReadonlySet<string>
  #tasks = new Map<string, GatheredTask>()
  readonly #rollups = new Rollups()
  #chars = 0
  readonly #begun = new Map<string, Begun>()
  /** Called for every task event. */
  onObserved: ((observed: Observed) => void) | undefined
  /** Names counted separately in the current minute. */
  #apart = { minuteMs: 0, names: new Set<string>(), errors: new Set<string>() }
  /** Events dropped for lack of room since `takeDropped`. */
  #dropped = 0

  constructor({ maxTasks = 100_000, maxChars = 64 * 1024 * 1024, redact = [] }: GatheringOptions = {}) {
    this.#maxTasks = maxTasks
    this.#maxChars = maxChars
    this.#redact = new Set(redact.map((name) => name.toLowerCase()))
  }

  get size(): number {
    return this.#tasks.size
  }
  get isEmpty(): boolean {
    return this.#tasks.size === 0 && this.#rollups.isEmpty
  }

  /** Adds a task event; returns false for any other event. */
  add(event: Event, nowMs: number): boolean {
    const told = readTaskEvent(event)
    if (!told) return false
    let task = this.#tasks.get(told.id)
    if (!task) {
      if (this.#tasks.size >= this.#maxTasks || this.#chars >= this.#maxChars) {
        this.#dropped++
        return true
      }
      task = new GatheredTask(told.id)
      this.#tasks.set(told.id, task)
    }
    task.add(this.#shown(told))
    this.#chars += ENTRY_CHARS + textsOf(told)
    this.#count(told, task.name, nowMs)
    return true
  }

  /** Adds a record from a source other than events. */
  put(record: TaskRecord): void {
    if (this.#tasks.has(record.id)) return
    const clean = { ...record }
    for (const key of TEXTS) {
      const text = record[key]
      if (text !== null) clean[key] = redactText(text, this.#redact)
    }
    this.#tasks.set(record.id, new GatheredTask(record.id, clean))
  }

  /** Puts back records that could not be written; newer ones of the same tasks come after them. */
  putBack(tasks: readonly TaskRecord[], rollups: readonly RollupChange[]): void {
    const later = this.#tasks
    this.#tasks = new Map(tasks.map((record) => [record.id, new GatheredTask(record.id, record)]))
    for (const [id, task] of later) {
      const known = this.#tasks.get(id)
      if (known) known.merge(task.record())
      else this.#tasks.set(id, task)
    }
    for (const { minuteMs, name, kind, count, runtimeMs, maxRuntimeMs } of rollups)
      this.#rollups.merge(minuteMs, name, kind, count, runtimeMs, maxRuntimeMs)
  }

  /** Takes out waiting records, up to `limit` tasks, oldest first. */
  take(limit: number): { readonly tasks: readonly TaskRecord[]; readonly rollups: readonly RollupChange[] } {
    const tasks: TaskRecord[] = []
    const all = this.#tasks
    if (all.size <= limit) {
      for (const task of all.values()) tasks.push(task.record())
      this.#tasks = new Map()
      this.#chars = 0
    } else
      for (const [id, task] of all) {
        if (tasks.length >= limit) break
        tasks.push(task.record())
        all.delete(id)
      }
    return { tasks, rollups: this.#rollups.take() }
  }

  /** Returns the number of events dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  #shown(told: TaskEvent): TaskEvent {
    let { facts } = told
    for (const key of TEXTS) {
      const text = facts[key]
      if (text === undefined) continue
      const clean = redactText(text, this.#redact)
      if (clean !== text) facts = { ...facts, [key]: clean }
    }
    return facts === told.facts ? told : { ...told, facts }
  }

  #count(told: TaskEvent, knownName: string | null, nowMs: number): void {
    const { kind, facts } = told
    const minuteMs = nowMs - (nowMs % MINUTE_MS)
    if (minuteMs !== this.#apart.minuteMs) this.#apart = { minuteMs, names: new Set(), errors: new Set() }
    const runtimeMs = kind === 'succeeded' ? Math.max(0, (facts.runtime ?? 0) * 1000) : 0
    this.#rollups.add(minuteMs, '', kind, runtimeMs)
    const begun = this.#begunOf(told, knownName)
    const name = knownName ?? begun.name
    this.#observe(told, begun, name ?? '')
    if (ENDS.has(kind)) this.#begun.delete(told.id)
    if (name !== undefined && isCounted(this.#apart.names, name, MOST_NAMES))
      this.#rollups.add(minuteMs, name, kind, runtimeMs)
    if (kind !== 'failed') return
    const type = errorType(facts)
    if (isCounted(this.#apart.errors, type, MOST_ERRORS)) this.#rollups.add(minuteMs, '', `error:${type}`, 0)
  }

  #begunOf({ id }: TaskEvent, name: string | null): Begun {
    const known = this.#begun.get(id)
    if (known) {
      known.name ??= name ?? undefined
      return known
    }
    const begun = { name: name ?? undefined, receivedMs: undefined, isPrefetched: false }
    this.#begun.set(id, begun)
    if (this.#begun.size > MOST_BEGUN) {
      const [oldest] = this.#begun.keys()
      if (oldest !== undefined) this.#begun.delete(oldest)
    }
    return begun
  }

  #observe({ kind, ms, facts }: TaskEvent, begun: Begun, name: string): void {
    let prefetched: Observed['prefetched'] = 0
    let waited: number | undefined
    if (kind === 'received') {
      begun.receivedMs = ms
      if (facts.eta === undefined && !begun.isPrefetched) {
        begun.isPrefetched = true
        prefetched = 1
      }
    } else if (kind !== 'sent' && begun.isPrefetched) {
      begun.isPrefetched = false
      prefetched = -1
      if (kind === 'started' && begun.receivedMs !== undefined)
        waited = Math.max(0, ms - begun.receivedMs) / 1000
    }
    const worker = facts.worker ?? facts.client ?? ''
    this.onObserved?.({ worker, type: `task-${kind}`, name, runtime: facts.runtime, waited, prefetched })
  }
}

function isCounted(known: Set<string>, value: string, most: number): boolean {
  if (known.has(value)) return true
  if (known.size >= most) return false
  known.add(value)
  return true
}

const textsOf = ({ facts }: TaskEvent): number =>
  (facts.args?.length ?? 0) +
  (facts.kwargs?.length ?? 0) +
  (facts.result?.length ?? 0) +
  (facts.exception?.length ?? 0) +
  (facts.traceback?.length ?? 0)

/** The class of an error: `ValueError('x')`. Some of Python's pools only report a wrapper: the class is then in the traceback. */
function errorType({ exception = '', traceback = '' }: TaskEvent['facts']): string {
  const name = /^[\w.]{1,100}/.exec(exception)?.[0] ?? 'unknown'
  if (name !== 'ExceptionWithTraceback') return name
  const last = traceback.trimEnd().split('\n').at(-1) ?? ''
  return /^(?:\w+\.)*(\w{1,100})(?::|$)/.exec(last)?.[1] ?? name
}
