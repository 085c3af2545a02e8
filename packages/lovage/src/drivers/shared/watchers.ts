import { isLovageError, type Logger, type Unsubscribe } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import type { TaskResult } from '../../result/index.js'

/** Called with each new state of a result. */
export type ResultListener = (result: TaskResult) => void

/** Calls a listener; what it throws is its own affair. */
export function tell(listener: ResultListener, result: TaskResult, logger: Logger): void {
  try {
    listener(result)
  } catch (error) {
    logger.error({ err: error, task_id: result.id }, 'what listens for a result has thrown')
  }
}

/**
 * Who waits for which results, over a store that says only "something changed": each ring becomes at most one query
 * at a time for all that may still change, and a listener hears of each state once.
 */
export class ResultWatchers {
  /** By id, with the version that each listener was told last. */
  readonly #listeners = new Map<string, Map<ResultListener, string | undefined>>()
  /** Ids that somebody still has to be told of; a SUCCESS that all have heard is not asked for again. */
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

  /** For how many results somebody waits. */
  get size(): number {
    return this.#listeners.size
  }

  isWatched(id: string): boolean {
    return this.#listeners.has(id)
  }

  add(ids: readonly string[], on: ResultListener): Unsubscribe {
    // A function of its own, so that one callback may watch twice.
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

  /** Something may have changed: these, or any that may still change. */
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
      // The app was closed under a look: nobody waits for it any more.
      if (isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED') return
      this.#logger.warn({ err: error }, 'could not look for results; the next change or poll tries again')
    } finally {
      this.#isLooking = false
    }
  }

  #tell(result: TaskResult): void {
    const listeners = this.#listeners.get(result.id)
    if (!listeners) return
    // Whoever came while this was looked up is told too: it is what is there.
    if (result.state === 'SUCCESS') this.#open.delete(result.id)
    const version = versionOf(result)
    for (const [listener, told] of [...listeners]) {
      // Somebody who was told before may have ended this watch.
      if (told === version || !listeners.has(listener)) continue
      listeners.set(listener, version)
      tell(listener, result, this.#logger)
    }
  }
}

/** Differs for each state that was stored; of an unfinished one, such as PROGRESS, for each meta. */
function versionOf({ state, dateDone, result, traceback, unreadable }: TaskResult): string {
  if (unreadable) return unreadable.message
  return `${state} ${dateDone ?? `${encodeJson(result)} ${traceback}`}`
}
