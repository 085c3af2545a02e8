import {
  type Clock,
  isLovageError,
  type Logger,
  type Timer,
  type Unsubscribe,
} from '../../../kernel/index.js'
import type { TaskResult } from '../../../result/index.js'
import { tell } from '../../shared/index.js'
import { isConnectionLoss, RedisSubscriber, type RedisTarget } from '../client/index.js'

/** Results that pub/sub loses are found by polling the keys at this interval. */
const POLL_MS = 5_000
const RETRY_MS = 500

/** Dependencies of a watch. */
export interface ResultWatchOptions {
  readonly target: RedisTarget
  readonly clock: Clock
  readonly logger: Logger
  /** Key of a result, which is also the name of its channel. */
  readonly keyOf: (id: string) => string
  readonly read: (id: string, json: string) => TaskResult
  readonly fetch: (ids: readonly string[]) => Promise<readonly (string | null)[]>
}

/** A waiting caller; for each result it remembers the last reported text. */
interface Watcher {
  readonly on: (result: TaskResult) => void
  readonly told: Map<string, string | undefined>
}

/** Callers waiting for results: notified through channels, and by polling when a message may have been missed. */
export class ResultWatch {
  readonly #options: ResultWatchOptions
  readonly #subscriber: RedisSubscriber
  readonly #watchers = new Set<Watcher>()
  #poll: Timer | undefined
  #isClosed = false

  constructor(options: ResultWatchOptions) {
    this.#options = options
    this.#subscriber = new RedisSubscriber(options.target, 'lovage:result-subscriber', () => this.#look())
  }

  add(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe {
    const watcher: Watcher = { on, told: new Map(ids.map((id) => [id, undefined])) }
    const keys = new Map(ids.map((id) => [this.#options.keyOf(id), id]))
    const release = this.#subscriber.hold()
    let unsubscribe: Unsubscribe | undefined
    const end = (): void => {
      if (!this.#watchers.delete(watcher)) return
      unsubscribe?.()
      release()
      if (this.#watchers.size === 0) this.#poll?.cancel()
    }
    this.#watchers.add(watcher)
    if (this.#watchers.size === 1) this.#pollLater()
    const hear = (json: string, channel: string): void => {
      const id = keys.get(channel)
      if (id !== undefined) this.#tell(watcher, id, json)
    }
    const subscribe = async (): Promise<void> => {
      try {
        unsubscribe = await this.#subscriber.subscribe([...keys.keys()], hear)
        if (!this.#watchers.has(watcher)) return unsubscribe()
        // Read after the subscription is established, so that nothing is missed in between.
        await this.#lookFor(watcher)
      } catch (error) {
        this.#complain(error)
        if (this.#watchers.has(watcher) && !this.#isClosed)
          this.#options.clock.setTimer(() => void subscribe(), RETRY_MS)
      }
    }
    void subscribe()
    return end
  }

  close(): void {
    this.#isClosed = true
    this.#poll?.cancel()
    this.#watchers.clear()
    this.#subscriber.close()
  }

  #pollLater(): void {
    this.#poll?.cancel()
    this.#poll = this.#options.clock.setTimer(() => {
      this.#look()
      if (this.#watchers.size > 0) this.#pollLater()
    }, POLL_MS)
  }

  #look(): void {
    for (const watcher of this.#watchers)
      this.#lookFor(watcher).catch((error: unknown) => this.#complain(error))
  }

  async #lookFor(watcher: Watcher): Promise<void> {
    const ids = [...watcher.told.keys()]
    const jsons = await this.#options.fetch(ids)
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index]
      const json = jsons[index]
      if (id !== undefined && typeof json === 'string') this.#tell(watcher, id, json)
    }
  }

  #tell(watcher: Watcher, id: string, json: string): void {
    if (!this.#watchers.has(watcher) || watcher.told.get(id) === json) return
    watcher.told.set(id, json)
    tell(watcher.on, this.#options.read(id, json), this.#options.logger)
  }

  #complain(error: unknown): void {
    // After a loss the subscriber reconnects by itself and looks.
    if (this.#isClosed || isConnectionLoss(error)) return
    const fields = isLovageError(error) ? { code: error.code, ...error.details } : {}
    this.#options.logger.warn({ err: error, ...fields }, 'could not check for awaited results')
  }
}
