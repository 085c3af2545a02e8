import type { Clock } from '../kernel/index.js'
import type { Claim } from './claim.js'
import type { Claims } from './claims.js'
import type { LateConsumer } from './late-consumer.js'
import type { WorkerPool } from './pools/pool.js'
import type { Stopping } from './stopping.js'

/** Fills slots from the claims in line, and reports how many more messages there is room for. */
export class Line {
  readonly #parts: {
    readonly claims: Claims
    readonly pool: WorkerPool
    readonly consumer: LateConsumer
    readonly stopping: Stopping
    readonly clock: Clock
    readonly prefetchMultiplier: number
  }
  #serve: (claim: Claim) => void = () => {}
  /** Whether claiming is suspended for now. */
  isClosed = false

  constructor(parts: {
    readonly claims: Claims
    readonly pool: WorkerPool
    readonly consumer: LateConsumer
    readonly stopping: Stopping
    readonly clock: Clock
    /** Messages held per slot, the running one included. */
    readonly prefetchMultiplier: number
  }) {
    this.#parts = parts
  }

  /** Decides what happens to each claim that has a slot. */
  open(serve: (claim: Claim) => void): void {
    this.#serve = serve
  }

  /** The number of messages to hold: as the multiplier says, and the pool's capacity beyond its slots. */
  get wanted(): number {
    const { pool, prefetchMultiplier } = this.#parts
    const { slots, capacity } = pool
    return slots * prefetchMultiplier + (capacity - slots)
  }

  /** How many more messages may be claimed. */
  get free(): number {
    const { claims, stopping } = this.#parts
    return stopping.how || this.isClosed ? 0 : this.wanted - claims.size
  }

  /** Fills the free slots. */
  fill(): void {
    const { claims, pool, stopping, clock } = this.#parts
    if (stopping.how === 'cold') return
    for (;;) {
      const claim = claims.next(pool, clock.now())
      if (!claim) return
      this.#serve(claim)
    }
  }

  /** Fills the free slots, and claims as many messages as there is room for. */
  goOn(): void {
    this.fill()
    this.#parts.consumer.demand()
  }
}
