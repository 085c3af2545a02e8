import type { Clock, Timer, Unsubscribe } from '../../../kernel/index.js'
import type { RedisTarget } from './options.js'
import { RedisSubscriber } from './redis-subscriber.js'

/** Changes that pub/sub loses are found by polling the space's version at this interval. */
const POLL_MS = 5_000
const RETRY_MS = 500

/** Called on a change: of these keys, or of any. */
type Hear = (keys?: readonly string[]) => void

/** A watched space. */
interface Watched {
  readonly listeners: Set<Hear>
  readonly unsubscribe: Unsubscribe
  /** Undefined until the first look, which always notifies: a change may have come before it, after the watch started. */
  version: string | null | undefined
}

/**
 * Reports changes to spaces of data: a change increments the space's version and publishes it to its channel, as `version` or as
 * `version ["key", …]`.
 */
export class VersionWatch {
  readonly #subscriber: RedisSubscriber
  readonly #clock: Clock
  readonly #channelOf: (space: string) => string
  readonly #readVersions: (spaces: readonly string[]) => Promise<readonly (string | null)[]>
  readonly #spaces = new Map<string, Watched>()
  #poll: Timer | undefined

  constructor(
    target: RedisTarget,
    clock: Clock,
    name: string,
    channelOf: (space: string) => string,
    readVersions: (spaces: readonly string[]) => Promise<readonly (string | null)[]>,
  ) {
    this.#clock = clock
    this.#channelOf = channelOf
    this.#readVersions = readVersions
    this.#subscriber = new RedisSubscriber(target, name, () => void this.#look())
  }

  add(space: string, on: Hear): Unsubscribe {
    const watched = this.#spaces.get(space) ?? this.#begin(space)
    // A wrapper function, so that one callback may watch twice.
    const listener: Hear = (keys) => on(keys)
    watched.listeners.add(listener)
    return () => {
      if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return
      watched.unsubscribe()
      this.#spaces.delete(space)
      if (this.#spaces.size === 0) this.#poll?.cancel()
    }
  }

  close(): void {
    this.#poll?.cancel()
    for (const { unsubscribe } of this.#spaces.values()) unsubscribe()
    this.#spaces.clear()
    this.#subscriber.close()
  }

  #begin(space: string): Watched {
    const tell = (payload: string): void => {
      const [version = '', keys] = payload.split(/ (.*)/s)
      const isNext = Number(version) === Number(watched.version ?? 0) + 1 && watched.version !== undefined
      watched.version = version
      for (const listener of watched.listeners) listener(isNext ? readKeys(keys) : undefined)
    }
    let isOver = false
    let end: Unsubscribe | undefined
    const subscribe = async (): Promise<void> => {
      try {
        end = await this.#subscriber.subscribe([this.#channelOf(space)], tell)
        if (isOver) end()
        else await this.#look()
      } catch {
        // Unavailable: the poll takes over until the subscription succeeds.
        if (!isOver) this.#clock.setTimer(() => void subscribe(), RETRY_MS)
      }
    }
    const unsubscribe = (): void => {
      isOver = true
      end?.()
    }
    const watched: Watched = { listeners: new Set(), unsubscribe, version: undefined }
    this.#spaces.set(space, watched)
    if (this.#spaces.size === 1) this.#pollLater()
    void subscribe()
    return watched
  }

  #pollLater(): void {
    this.#poll?.cancel()
    this.#poll = this.#clock.setTimer(() => {
      void this.#look()
      if (this.#spaces.size > 0) this.#pollLater()
    }, POLL_MS)
  }

  /** Notifies of spaces whose version differs from the last look: one notification too many does no harm. */
  async #look(): Promise<void> {
    const spaces = [...this.#spaces]
    if (spaces.length === 0) return
    const versions = await this.#readVersions(spaces.map(([space]) => space)).catch(() => undefined)
    // The next look retries; an outage is reported by the callers that read the data.
    if (!versions) return
    for (const [index, [, watched]] of spaces.entries()) {
      const version = versions[index] ?? null
      const isChanged = watched.version !== version
      watched.version = version
      if (isChanged) for (const listener of watched.listeners) listener()
    }
  }
}

function readKeys(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  try {
    const keys: unknown = JSON.parse(text)
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined
  } catch {
    return undefined
  }
}
