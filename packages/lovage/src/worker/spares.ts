import { performance } from 'node:perf_hooks'
import type { Claim, Claims } from './claims.js'

/** A task that runs longer than this holds a child for which no other message is kept ready. */
const BUSY_MS = 10
/** How much the newest run counts in the average. */
const WEIGHT = 0.05
/** Messages kept ready for a child at most. */
const MOST = 16

/** What spares need of their worker. */
export interface SparesPorts {
  readonly claims: Claims
  /** How many messages are held without spares. */
  readonly regular: () => number
  readonly handBack: (claims: readonly Claim[]) => void
}

/**
 * Messages claimed while a child's task runs, about 10 ms' worth of work, so that short tasks follow each other without a round trip to
 * the broker between them. They never wait behind a long task: they are handed back when the child is busy for more than 10 ms, and while
 * tasks are long on the average none is claimed.
 */
export class Spares {
  readonly #ports: SparesPorts
  #meanMs = BUSY_MS
  #timer: NodeJS.Timeout | undefined

  constructor(ports: SparesPorts) {
    this.#ports = ports
  }

  /** How many may be claimed now: for each task that has only just begun, as many as fit into the time. */
  allowed(): number {
    if (this.#meanMs >= BUSY_MS) return 0
    const since = performance.now() - BUSY_MS
    let young = 0
    for (const { startedAt } of this.#ports.claims.running) if (startedAt > since) young++
    return young * Math.max(1, Math.min(MOST, Math.floor(BUSY_MS / this.#meanMs)))
  }

  ended(runtimeMs: number): void {
    this.#meanMs += (runtimeMs - this.#meanMs) * WEIGHT
  }

  /** Looks after what has just been claimed. */
  watch(): void {
    if (this.#timer || this.#ports.claims.size <= this.#ports.regular()) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const { claims, regular, handBack } = this.#ports
      const excess = claims.size - regular() - this.allowed()
      if (excess > 0) handBack(claims.waiting.slice(-excess))
      this.watch()
    }, BUSY_MS).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
