import type { Claim, Claims } from './claims.js'

/** How long a claimed message may wait for a place in the pool that was there when it was asked for. */
const WAIT_MS = 10

/** What spares need of their worker. */
export interface SparesPorts {
  readonly claims: Claims
  /** How many messages are to be held now. */
  readonly wanted: () => number
  readonly handBack: (claims: readonly Claim[]) => void
}

/**
 * Hands back what was claimed for a pool that had room for more short tasks, and has not any more when it arrives: a
 * long one has begun, and another worker may be idle.
 */
export class Spares {
  readonly #ports: SparesPorts
  #timer: NodeJS.Timeout | undefined

  constructor(ports: SparesPorts) {
    this.#ports = ports
  }

  /** Looks after what has just been claimed. */
  watch(): void {
    if (this.#timer || this.#ports.claims.size <= this.#ports.wanted()) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const { claims, wanted, handBack } = this.#ports
      const excess = claims.size - wanted()
      if (excess > 0) handBack(claims.waiting.slice(-excess))
      this.watch()
    }, WAIT_MS).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
