import type { Clock, DriverOptions, Logger, Unsubscribe } from '../../../kernel/index.js'
import { decodeJson, type ReadOptions } from '../../../message/index.js'
import {
  READY_STATES,
  type ResultBackend,
  type ResultRecord,
  type TaskResult,
} from '../../../result/index.js'
import { readOptionsOf, tell, unreadableResult } from '../../shared/index.js'
import { MemoryJoinStore } from './memory-join-store.js'

/** Expired results are looked for occasionally, not on every write. */
const PRUNE_AFTER_WRITES = 1000

/** Results in this process's memory: backends with the same URL share them. */
class MemoryResultBackend implements ResultBackend {
  readonly kind = 'memory'
  readonly expiresItself = true
  readonly location: string
  readonly joins: MemoryJoinStore
  readonly #store: MemoryResults
  readonly #logger: Logger
  readonly #read: ReadOptions
  readonly #watches = new Set<Unsubscribe>()

  constructor(location: string, store: MemoryResults, { logger, settings }: DriverOptions) {
    this.location = location
    this.joins = store.joins
    this.#store = store
    this.#logger = logger
    this.#read = readOptionsOf(settings)
  }

  async store(records: readonly ResultRecord[]): Promise<void> {
    this.#store.put(records)
  }
  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    return ids.flatMap((id) => {
      const record = this.#store.find(id)
      return record ? [read(record, this.#read)] : []
    })
  }
  watch(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe {
    const end = this.#store.watch(ids, (record) => tell(on, read(record, this.#read), this.#logger))
    const once = (): void => {
      if (this.#watches.delete(once)) end()
    }
    this.#watches.add(once)
    return once
  }
  async forget(ids: readonly string[]): Promise<void> {
    this.#store.remove(ids)
  }
  async prune(beforeMs: number): Promise<number> {
    return this.#store.prune(beforeMs)
  }
  async close(): Promise<void> {
    for (const end of this.#watches) end()
  }
}

type Listener = (record: ResultRecord) => void

/** The results themselves, and their waiting callers. */
class MemoryResults {
  readonly joins: MemoryJoinStore
  readonly #results = new Map<string, { readonly result: ResultRecord; readonly storedMs: number }>()
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #clock: Clock
  readonly #expiresMs: number
  #writes = 0

  constructor(options: DriverOptions) {
    this.joins = new MemoryJoinStore(options)
    this.#clock = options.clock
    this.#expiresMs = Number(options.settings.resultExpires ?? 86_400) * 1000
  }

  put(records: readonly ResultRecord[]): void {
    const storedMs = this.#clock.now()
    for (const record of records) {
      if (this.#results.get(record.id)?.result.state === 'SUCCESS') continue
      // Removed first, so that the map stays in the order of storing and pruning can stop early.
      this.#results.delete(record.id)
      this.#results.set(record.id, { result: record, storedMs })
      for (const listener of this.#listeners.get(record.id) ?? []) queueMicrotask(() => listener(record))
    }
    this.#writes += records.length
    if (this.#expiresMs > 0 && this.#writes > PRUNE_AFTER_WRITES) {
      this.#writes = 0
      this.prune(storedMs - this.#expiresMs)
    }
  }

  find(id: string): ResultRecord | undefined {
    return this.#results.get(id)?.result
  }

  watch(ids: readonly string[], on: Listener): Unsubscribe {
    let stopped = false
    const listener: Listener = (record) => {
      if (!stopped) on(record)
    }
    for (const id of new Set(ids)) {
      const listeners = this.#listeners.get(id) ?? new Set()
      this.#listeners.set(id, listeners.add(listener))
      const known = this.find(id)
      if (known) queueMicrotask(() => listener(known))
    }
    return () => {
      stopped = true
      for (const id of ids) {
        const listeners = this.#listeners.get(id)
        listeners?.delete(listener)
        if (listeners?.size === 0) this.#listeners.delete(id)
      }
    }
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#results.delete(id)
  }

  /** Removes results older than the given time; oldest first, so it stops at the first that is younger. */
  prune(beforeMs: number): number {
    let removed = this.joins.pruneGroups(beforeMs)
    for (const [id, { result, storedMs }] of this.#results) {
      if (storedMs >= beforeMs) break
      if (!READY_STATES.has(result.state)) continue
      this.#results.delete(id)
      removed++
    }
    return removed
  }
}

/** A value as if it had crossed a wire, like in every other store: a copy, with only what JSON can carry. */
function read({ resultJson, ...result }: ResultRecord, options: ReadOptions): TaskResult {
  try {
    return { ...result, result: decodeJson(resultJson, options) }
  } catch (cause) {
    return unreadableResult(result.id, cause)
  }
}

const stores = new Map<string, MemoryResults>()

/** Opens the results that a `memory://name` URL names. */
export async function openMemoryResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  const store = stores.get(url) ?? new MemoryResults(options)
  stores.set(url, store)
  return new MemoryResultBackend(url, store, options)
}
