/** A holder in this process. */
interface Lease {
  readonly leaseMs: number
  readonly timer: NodeJS.Timeout
  seenMs: number
}

/** How long an event loop may be blocked before its process counts as dead, unless a lease is longer. */
const MAX_BLOCK_MS = 600_000

/**
 * Keeps the leases of this process's holders, in the thread: a blocked event loop keeps its task. A holder that has said
 * nothing for ten minutes is not renewed any more: nobody can tell it from a dead one.
 */
export class LeaseTable {
  readonly #leases = new Map<string, Lease>()
  readonly #renew: (holder: string, untilMs: number) => void

  constructor(renew: (holder: string, untilMs: number) => void) {
    this.#renew = renew
  }

  attach(holder: string, leaseMs: number): void {
    this.detach(holder)
    const timer = setInterval(() => this.#renewIfAlive(holder), leaseMs / 3)
    this.#leases.set(holder, { leaseMs, timer, seenMs: Date.now() })
  }

  /** The holder has spoken; tells until when its claims are its own. */
  seen(holder: string): number {
    const lease = this.#leases.get(holder)
    const nowMs = Date.now()
    if (lease) lease.seenMs = nowMs
    return nowMs + (lease?.leaseMs ?? 0)
  }

  detach(holder: string): void {
    clearInterval(this.#leases.get(holder)?.timer)
    this.#leases.delete(holder)
  }

  holders(): readonly string[] {
    return [...this.#leases.keys()]
  }

  #renewIfAlive(holder: string): void {
    const lease = this.#leases.get(holder)
    const nowMs = Date.now()
    if (lease && nowMs - lease.seenMs <= Math.max(MAX_BLOCK_MS, lease.leaseMs))
      this.#renew(holder, nowMs + lease.leaseMs)
  }
}
