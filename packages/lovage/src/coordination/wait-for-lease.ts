import { type Clock, delay, type Logger, messageOf, type Timer } from '../kernel/index.js'
import type { CoordinationStore } from './coordination-store.js'

/** A lease and its candidate. */
export interface LeaseWish {
  readonly coordination: CoordinationStore
  /** The lease's name, shared by all candidates. */
  readonly lease: string
  /** Its name in log lines, as in `beat: the lead`. */
  readonly label: string
  /** Names this candidate; unique in the fleet, new at every start. */
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Monotonic milliseconds, unaffected by changes to the time of day. Default: the process's own. */
  readonly monotonicMs?: () => number
}

/** A held lease, renewed until it is lost or released. */
export interface Lease {
  /** Greater than that of every previous holder. */
  readonly token: bigint
  /** Aborted when the lease is lost. */
  readonly signal: AbortSignal
  /** Whether the lease is certainly still held. */
  isHeld(): boolean
  /** Releases it, so that another candidate gets it at once. */
  release(): Promise<void>
}

/** Renewals, or attempts, per lease duration. */
const TRIES_PER_LEASE = 3

/**
 * Waits until the lease is granted; resolves to undefined if `signal` is aborted first. An unreachable store is retried; the current
 * holder loses the lease on its own in the meantime.
 */
export async function waitForLease(options: LeaseWish, signal: AbortSignal): Promise<Lease | undefined> {
  const { coordination, lease, label, holder, leaseMs, clock, logger } = options
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  let isWarned = false
  while (!signal.aborted) {
    // We count from before the request: the store's count starts later and so ends later.
    const askedMs = monotonicMs()
    try {
      const grant = await coordination.acquire(lease, holder, leaseMs)
      if (grant) return new HeldLease(options, grant.token, askedMs + leaseMs, monotonicMs)
      isWarned = false
    } catch (error) {
      if (!isWarned) logger.warn({ err: error }, `Cannot acquire ${label}: ${messageOf(error)}`)
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
    this.#end('it was released')
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
      // Another token: another holder had it in between, or it lapsed; our state may be stale.
      if (grant?.token !== this.token) return this.#end('another holder took it')
      this.#untilMs = askedMs + leaseMs
    } catch (error) {
      logger.warn({ err: error }, `Cannot renew ${label}: ${messageOf(error)}`)
      if (!this.isHeld()) return this.#end('it expired')
    }
    if (!this.#over.signal.aborted) this.#arm()
  }

  #end(reason: string): void {
    this.#timer?.cancel()
    this.#over.abort(reason)
  }
}
