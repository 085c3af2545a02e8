import { isLovageError, type Logger, type Unsubscribe } from '../kernel/index.js'
import type { TaskResult } from './result-backend.js'

/** Called with each new state of a result. */
export type ResultListener = (result: TaskResult) => void

/**
 * Who waits for which results, over a store that says only "something changed": each ring becomes at most one query
 * at a time for all that is watched, and a listener hears of each state once.
 */
export class ResultWatchers {
  readonly #listeners = new Map<string, Map<ResultListener, string | undefined>>()
  readonly #get: (ids: readonly string[]) => Promise<readonly TaskResult[]>
  readonly #logger: Logger
  #isLooking = false
  /** Watched ids that may have changed. */
  readonly #stale = new Set<string>()

  constructor(get: (ids: readonly string[]) => Promise<readonly TaskResult[]>, logger: Logger) {
    this.#get = get
    this.#logger = logger
  }

  /** Whether anybody waits. */
  get size(): number {
    return this.#listeners.size
  }

  add(ids: readonly string[], on: ResultListener): Unsubscribe {
    // A function of its own, so that one callback may watch twice.
    const listener: ResultListener = (result) => on(result)
    for (const id of ids) {
      const listeners = this.#listeners.get(id) ?? new Map()
      this.#listeners.set(id, listeners.set(listener, undefined))
    }
    this.look(ids)
    return () => {
      for (const id of ids) {
        const listeners = this.#listeners.get(id)
        listeners?.delete(listener)
        if (listeners?.size === 0) this.#listeners.delete(id)
      }
    }
  }

  /** Something may have changed: these, or any. */
  look(ids: Iterable<string> = this.#listeners.keys()): void {
    for (const id of ids) if (this.#listeners.has(id)) this.#stale.add(id)
    if (!this.#isLooking && this.#stale.size > 0) void this.#lookWhileStale()
  }

  async #lookWhileStale(): Promise<void> {
    this.#isLooking = true
    try {
      while (this.#stale.size > 0) {
        // Rings of one moment are answered together.
        await new Promise((resolve) => setImmediate(resolve))
        const ids = [...this.#stale].filter((id) => this.#listeners.has(id))
        this.#stale.clear()
        if (ids.length > 0) for (const result of await this.#get(ids)) this.#tell(result)
      }
    } catch (error) {
      // The app was closed under a look: nobody waits for it any more.
      if (isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED') return
      this.#logger.warn({ err: error }, 'could not look for results; the next change or poll tries again')
    } finally {
      this.#isLooking = false
    }
  }

  #tell(result: TaskResult): void {
    const version = `${result.state} ${result.dateDone ?? JSON.stringify(result.result)}`
    for (const [listener, told] of [...(this.#listeners.get(result.id) ?? [])]) {
      if (told === version) continue
      this.#listeners.get(result.id)?.set(listener, version)
      listener(result)
    }
  }
}
