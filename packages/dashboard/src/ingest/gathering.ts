import type { Event } from 'lovage'
import { readTaskEvent, type TaskEvent } from 'lovage/monitor'
import type { RollupChange } from '../history/rollup.js'
import { addEvent, emptyRecord, mergeRecords, type TaskRecord } from '../history/task-record.js'
import { redactText } from './redact-text.js'

/** What an event says to metrics. */
export interface Observed {
  readonly worker: string
  /** `task-received`, … */
  readonly type: string
  /** Empty when it is not known. */
  readonly name: string
  /** Seconds; undefined where the event has none. */
  readonly runtime: number | undefined
  /** Seconds that it waited in the worker, told when it starts. */
  readonly waited: number | undefined
  /** By how much the number of tasks changes that the worker holds and has not begun. */
  readonly prefetched: -1 | 0 | 1
}

/** How much is gathered before it is written. */
export interface GatheringOptions {
  /** Tasks that wait to be written; what comes beyond is dropped, and counted. Default 100,000. */
  readonly maxTasks?: number
  /** Characters of all texts that wait. Default 64 Mi. */
  readonly maxChars?: number
  /** Names of arguments whose values are not kept, beside those that mean a secret anyhow. */
  readonly redact?: readonly string[]
}

const MINUTE_MS = 60_000
/** Names of tasks and types of errors that one minute counts apart; further ones are in the sums alone. */
const MOST_NAMES = 500
const MOST_ERRORS = 100
/** Tasks that have begun, and whose later events do not say their name. */
const MOST_BEGUN = 20_000
const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'revoked', 'rejected'])

/** What later events of a task do not say again. */
interface Begun {
  name: string | undefined
  receivedMs: number | undefined
  /** A worker holds it, has not begun it, and it waits for no time of its own. */
  isPrefetched: boolean
}

type Rollup = { -readonly [Key in keyof RollupChange]: RollupChange[Key] }

/** Events on their way to the history: of one task added up, counted by minute, secrets hidden, and bounded whatever is sent. */
export class Gathering {
  readonly #maxTasks: number
  readonly #maxChars: number
  readonly #redact: ReadonlySet<string>
  #tasks = new Map<string, TaskRecord>()
  #rollups = new Map<string, Rollup>()
  #chars = 0
  readonly #begun = new Map<string, Begun>()
  /** Hears of every event of a task. */
  onObserved: ((observed: Observed) => void) | undefined
  /** Counted apart in the present minute. */
  #apart = { minuteMs: 0, names: new Set<string>(), errors: new Set<string>() }
  /** Events that there was no room for, since `takeDropped`. */
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
    return this.#tasks.size === 0 && this.#rollups.size === 0
  }

  /** Takes a task's event in; false when it is none. */
  add(event: Event, nowMs: number): boolean {
    const told = readTaskEvent(event)
    if (!told) return false
    let record = this.#tasks.get(told.id)
    if (!record) {
      if (this.#tasks.size >= this.#maxTasks || this.#chars >= this.#maxChars) {
        this.#dropped++
        return true
      }
      record = emptyRecord(told.id, 'events')
      this.#tasks.set(told.id, record)
    }
    const before = record.timeline.length
    addEvent(record, this.#shown(told))
    this.#chars += record.timeline.length - before + textsOf(told)
    this.#count(told, record, nowMs)
    return true
  }

  /** Adds what was found elsewhere than in events. */
  put(record: TaskRecord): void {
    if (this.#tasks.has(record.id)) return
    const clean = { ...record }
    for (const key of ['args', 'kwargs', 'result', 'exception', 'traceback'] as const) {
      const text = record[key]
      if (text !== null) clean[key] = redactText(text, this.#redact)
    }
    this.#tasks.set(record.id, clean)
  }

  /** Gives back what could not be written; what came meanwhile of the same tasks comes behind it. */
  putBack(tasks: readonly TaskRecord[], rollups: readonly RollupChange[]): void {
    const later = this.#tasks
    this.#tasks = new Map(tasks.map((record) => [record.id, record]))
    for (const [id, record] of later) {
      const known = this.#tasks.get(id)
      this.#tasks.set(id, known ? mergeRecords(known, record) : record)
    }
    for (const { minuteMs, name, kind, ...rest } of rollups) {
      const key = `${minuteMs} ${kind} ${name}`
      const now = this.#rollups.get(key)
      this.#rollups.set(key, {
        minuteMs,
        name,
        kind,
        count: rest.count + (now?.count ?? 0),
        runtimeMs: rest.runtimeMs + (now?.runtimeMs ?? 0),
        maxRuntimeMs: Math.max(rest.maxRuntimeMs, now?.maxRuntimeMs ?? 0),
      })
    }
  }

  /** Takes out what waits, at most so many tasks, those first that came first. */
  take(limit: number): { readonly tasks: readonly TaskRecord[]; readonly rollups: readonly RollupChange[] } {
    const tasks: TaskRecord[] = []
    for (const [id, record] of this.#tasks) {
      if (tasks.length >= limit) break
      tasks.push(record)
      this.#tasks.delete(id)
    }
    if (this.#tasks.size === 0) this.#chars = 0
    const rollups = [...this.#rollups.values()]
    this.#rollups = new Map()
    return { tasks, rollups }
  }

  /** How many events there was no room for, since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  #shown(told: TaskEvent): TaskEvent {
    const { args, kwargs, result, exception, traceback } = told.facts
    const hidden: Record<string, string> = {}
    for (const [key, text] of Object.entries({ args, kwargs, result, exception, traceback })) {
      if (text === undefined) continue
      const clean = redactText(text, this.#redact)
      if (clean !== text) hidden[key] = clean
    }
    return Object.keys(hidden).length === 0 ? told : { ...told, facts: { ...told.facts, ...hidden } }
  }

  #count(told: TaskEvent, record: TaskRecord, nowMs: number): void {
    const { kind, facts } = told
    const minuteMs = nowMs - (nowMs % MINUTE_MS)
    if (minuteMs !== this.#apart.minuteMs) this.#apart = { minuteMs, names: new Set(), errors: new Set() }
    const runtimeMs = kind === 'succeeded' ? Math.max(0, (facts.runtime ?? 0) * 1000) : 0
    this.#add(minuteMs, '', kind, runtimeMs)
    const begun = this.#begunOf(told, record)
    const name = record.name ?? begun.name
    this.#observe(told, begun, name ?? '')
    if (ENDS.has(kind)) this.#begun.delete(told.id)
    if (name !== undefined && isCounted(this.#apart.names, name, MOST_NAMES))
      this.#add(minuteMs, name, kind, runtimeMs)
    if (kind !== 'failed') return
    const type = errorType(facts)
    if (isCounted(this.#apart.errors, type, MOST_ERRORS)) this.#add(minuteMs, '', `error:${type}`, 0)
  }

  #add(minuteMs: number, name: string, kind: string, runtimeMs: number): void {
    const key = `${minuteMs} ${kind} ${name}`
    const rollup = this.#rollups.get(key)
    if (rollup) {
      rollup.count++
      rollup.runtimeMs += runtimeMs
      rollup.maxRuntimeMs = Math.max(rollup.maxRuntimeMs, runtimeMs)
    } else this.#rollups.set(key, { minuteMs, name, kind, count: 1, runtimeMs, maxRuntimeMs: runtimeMs })
  }

  #begunOf({ id }: TaskEvent, { name }: TaskRecord): Begun {
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
