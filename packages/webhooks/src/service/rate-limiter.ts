import type { Lovage } from 'lovage'
import { connectionsOf } from 'lovage/driver'

/** A limit on requests. */
export interface RequestRate {
  readonly perMinute: number
  /** Requests that may come at once after a quiet time. */
  readonly burst: number
}

/** Shared turns, as the engine's coordination store grants them; null where the app has none. */
export type TakeTurn = (key: string, intervalMs: number, burst: number) => Promise<number>

const KEPT_KEYS = 10_000

/**
 * Limits requests by key, for the whole fleet where the broker has shared state (Redis, PostgreSQL, SQLite, or `coordinationUrl`), else
 * in this process alone. A key that is refused holds the turn that it was given: the first request at or after that time goes, and those
 * before it cost the store nothing.
 */
export class RateLimiter {
  readonly #takeTurn: TakeTurn | null
  readonly #rate: RequestRate
  readonly #now: () => number
  /** Times of turns that were granted for later, by key. */
  readonly #granted = new Map<string, number>()
  /** Without shared state: when the next turn of each key would be, were there no burst. */
  readonly #own = new Map<string, number>()

  constructor(rate: RequestRate, now: () => number, takeTurn: TakeTurn | null) {
    this.#rate = rate
    this.#now = now
    this.#takeTurn = takeTurn
  }

  /** Whether limits hold for the fleet, or for this process alone. */
  get scope(): 'fleet' | 'process' {
    return this.#takeTurn ? 'fleet' : 'process'
  }

  /** Milliseconds until a request of this key may come; 0 = it may now. */
  async ask(key: string): Promise<number> {
    const nowMs = this.#now()
    const granted = this.#granted.get(key)
    if (granted !== undefined) {
      if (granted > nowMs) return granted - nowMs
      this.#granted.delete(key)
      return 0
    }
    const intervalMs = 60_000 / this.#rate.perMinute
    const atMs = this.#takeTurn
      ? await this.#takeTurn(key, intervalMs, this.#rate.burst)
      : this.#ownTurn(key, intervalMs, nowMs)
    // The store's own time may be later than the question.
    const answeredMs = this.#now()
    if (atMs <= answeredMs) return 0
    // Requests that were asked for together may each have got a turn: the earliest is the one to wait for.
    const first = Math.min(atMs, this.#granted.get(key) ?? atMs)
    forget(this.#granted)
    this.#granted.set(key, first)
    return Math.max(1, first - answeredMs)
  }

  #ownTurn(key: string, intervalMs: number, nowMs: number): number {
    const arrival = Math.max(this.#own.get(key) ?? 0, nowMs)
    forget(this.#own)
    this.#own.set(key, arrival + intervalMs)
    return arrival - (this.#rate.burst - 1) * intervalMs
  }
}

/** The limiter of an app. */
export async function openRateLimiter(app: Lovage, rate: RequestRate): Promise<RateLimiter> {
  const now = () => app.clock.now()
  try {
    const store = await connectionsOf(app).coordination()
    return new RateLimiter(rate, now, async (key, intervalMs, burst) => {
      const [at = 0] = await store.takeTurns([{ key: `webhooks:api:${key}`, intervalMs, burst }])
      return at
    })
  } catch (error) {
    app.logger.warn(
      { err: error },
      'no shared state for rate limits (see coordinationUrl): they hold for each process of the service by itself',
    )
    return new RateLimiter(rate, now, null)
  }
}

function forget(map: Map<string, number>): void {
  if (map.size >= KEPT_KEYS) map.clear()
}
