import { type Clock, delay, type Logger, messageOf, type Timer } from '../kernel/index.js'
import type { CoordinationStore } from './coordination-store.js'

/** Which lease, and who wants it. */
export interface LeaseWish {
  readonly coordination: CoordinationStore
  /** What all who want it call it. */
  readonly lease: string
  /** What log lines call it, as in `beat: the lead`. */
  readonly label: string
  /** Names this candidate; unique in the fleet, new at every start. */
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Milliseconds that pass whatever is done to the time of day. Default: the process's own. */
  readonly monotonicMs?: () => number
}

/** A lease that is ours, and is renewed, until it is lost or given back. */
export interface Lease {
  /** Greater than that of every holder before. */
  readonly token: bigint
  /** Aborted when the lease is lost. */
  readonly signal: AbortSignal
  /** Whether the lease is surely still ours. */
  isHeld(): boolean
  /** Gives it back, so that another gets it at once. */
  release(): Promise<void>
}

/** How many times within a lease it is renewed, or asked for. */
const TRIES_PER_LEASE = 3

/**
 * Waits until the lease is ours; resolves to undefined when `signal` is aborted before. A store that cannot be
 * reached is asked again; whoever holds it meanwhile loses it by itself.
 */
export async function waitForLease(options: LeaseWish, signal: AbortSignal): Promise<Lease | undefined> {
  const { coordination, lease, label, holder, leaseMs, clock, logger } = options
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  let isWarned = false
  while (!signal.aborted) {
    // Ours counts from before the question: the store's own count starts later and so ends later.
    const askedMs = monotonicMs()
    try {
      const grant = await coordination.acquire(lease, holder, leaseMs)
      if (grant) return new HeldLease(options, grant.token, askedMs + leaseMs, monotonicMs)
      isWarned = false
    } catch (error) {
      if (!isWarned) logger.warn({ err: error }, `Cannot ask for ${label}: ${messageOf(error)}`)
      isWarned = true
    }
    await delay(clock, leaseMs / TRIES_PER_LEASE, signal).catch(() => {
      // Aborted: the loop's condition says so.
    })
  }
  return undefined
}

class HeldLease implements Lease {
  readonly token: bigint
  readonly #options: LeaseWish
  readonly #monotonicMs: () => number
  readonly #over = new AbortController()
  #untilMs: number
  #timer: Timer | undefined

  constructor(options: LeaseWish, token: bigint, untilMs: number, monotonicMs: () => number) {
    this.token = token
    this.#options = options
    this.#untilMs = untilMs
    this.#monotonicMs = monotonicMs
    this.#arm()
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  isHeld(): boolean {
    return !this.#over.signal.aborted && this.#monotonicMs() < this.#untilMs
  }

  async release(): Promise<void> {
    this.#end('it was given back')
    await this.#options.coordination.release(this.#options.lease, this.token)
  }

  #arm(): void {
    const { clock, leaseMs } = this.#options
    this.#timer = clock.setTimer(() => void this.#renew(), leaseMs / TRIES_PER_LEASE)
  }

  async #renew(): Promise<void> {
    const { coordination, lease, label, holder, leaseMs, logger } = this.#options
    const askedMs = this.#monotonicMs()
    try {
      const grant = await coordination.acquire(lease, holder, leaseMs)
      // Another token: somebody else held it in between, or it lapsed; what we know may be old.
      if (grant?.token !== this.token) return this.#end('another took it')
      this.#untilMs = askedMs + leaseMs
    } catch (error) {
      logger.warn({ err: error }, `Cannot renew ${label}: ${messageOf(error)}`)
      if (!this.isHeld()) return this.#end('it ran out')
    }
    if (!this.#over.signal.aborted) this.#arm()
  }

  #end(reason: string): void {
    this.#timer?.cancel()
    this.#over.abort(reason)
  }
}
