import { isLovageError, type Logger, type Unsubscribe } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import type { TaskResult } from '../../result/index.js'

/** Called with each new state of a result. */
export type ResultListener = (result: TaskResult) => void

/** Calls a listener; its errors do not affect the caller. */
export function tell(listener: ResultListener, result: TaskResult, logger: Logger): void {
  try {
    listener(result)
  } catch (error) {
    logger.error({ err: error, task_id: result.id }, 'a result listener failed')
  }
}

/**
 * Listeners by result id, over a store that reports only "something changed": each ring becomes at most one query
 * at a time for all results that may still change, and a listener receives each state once.
 */
export class ResultWatchers {
  /** By id, with the version that each listener received last. */
  readonly #listeners = new Map<string, Map<ResultListener, string | undefined>>()
  /** Ids with listeners still to be called; a SUCCESS that all have received is not queried again. */
  readonly #open = new Set<string>()
  readonly #get: (ids: readonly string[]) => Promise<readonly TaskResult[]>
  readonly #logger: Logger
  #isLooking = false
  /** Watched ids that may have changed. */
  readonly #stale = new Set<string>()

  constructor(get: (ids: readonly string[]) => Promise<readonly TaskResult[]>, logger: Logger) {
    this.#get = get
    this.#logger = logger
  }

  /** The number of results that have listeners. */
  get size(): number {
    return this.#listeners.size
  }

  isWatched(id: string): boolean {
    return this.#listeners.has(id)
  }

  add(ids: readonly string[], on: ResultListener): Unsubscribe {
    // A wrapper function, so that one callback may watch twice.
    const listener: ResultListener = (result) => on(result)
    for (const id of ids) {
      const listeners = this.#listeners.get(id) ?? new Map()
      this.#listeners.set(id, listeners.set(listener, undefined))
      this.#open.add(id)
    }
    this.look(ids)
    return () => {
      for (const id of ids) {
        const listeners = this.#listeners.get(id)
        listeners?.delete(listener)
        if (listeners?.size !== 0) continue
        this.#listeners.delete(id)
        this.#open.delete(id)
      }
    }
  }

  /** Results may have changed: these, or any that may still change. */
  look(ids: Iterable<string> = this.#open): void {
    for (const id of ids) if (this.#open.has(id)) this.#stale.add(id)
    if (!this.#isLooking && this.#stale.size > 0) void this.#lookWhileStale()
  }

  async #lookWhileStale(): Promise<void> {
    this.#isLooking = true
    try {
      while (this.#stale.size > 0) {
        // Rings of one moment are answered together.
        await new Promise((resolve) => setImmediate(resolve))
        const ids = [...this.#stale].filter((id) => this.#open.has(id))
        this.#stale.clear()
        if (ids.length > 0) for (const result of await this.#get(ids)) this.#tell(result)
      }
    } catch (error) {
      // The app was closed during a query: it has no listeners any longer.
      if (isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED') return
      this.#logger.warn({ err: error }, 'could not check for results; retrying at the next change or poll')
    } finally {
      this.#isLooking = false
    }
  }

  #tell(result: TaskResult): void {
    const listeners = this.#listeners.get(result.id)
    if (!listeners) return
    // Listeners added during the query are called too: this is the current state.
    if (result.state === 'SUCCESS') this.#open.delete(result.id)
    const version = versionOf(result)
    for (const [listener, told] of [...listeners]) {
      // A listener called earlier may have ended this watch.
      if (told === version || !listeners.has(listener)) continue
      listeners.set(listener, version)
      tell(listener, result, this.#logger)
    }
  }
}

/** Differs for each stored state; for an unfinished one, such as PROGRESS, for each meta. */
function versionOf({ state, dateDone, result, traceback, unreadable }: TaskResult): string {
  if (unreadable) return unreadable.message
  return `${state} ${dateDone ?? `${encodeJson(result)} ${traceback}`}`
}
