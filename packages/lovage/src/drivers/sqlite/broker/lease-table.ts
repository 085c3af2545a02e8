import { systemClock } from '../../../kernel/index.js'
import { withoutRepetition } from '../../../process/index.js'
import { type KeptLease, tellStandstill } from '../../shared/index.js'
import type { Host } from '../file/index.js'

/** The delay before a failed renewal is retried. */
const RETRY_MS = 500

/** A holder in this process. */
interface Lease {
  readonly kept: KeptLease
  timer?: NodeJS.Timeout
  /** The main thread has been blocked for too long. */
  isLetGo: boolean
}

/** The table's operations in the file. */
export interface LeaseStatements {
  renew(holder: string, untilMs: number): void
  /** Names of the tasks that the holder has claimed. */
  heldTasks(holder: string): readonly string[]
}

/**
 * Keeps the leases of this process's holders, in the thread: a blocked event loop keeps its task, up to `maxBlockMs`; then
 * the process counts as dead and its tasks go to others.
 */
export class LeaseTable {
  readonly #host: Host
  readonly #statements: LeaseStatements
  readonly #leases = new Map<string, Lease>()
  readonly #unrenewed: (error: unknown) => void

  constructor(host: Host, statements: LeaseStatements) {
    this.#host = host
    this.#statements = statements
    this.#unrenewed = withoutRepetition(
      (error) => host.logger.error({ err: error }, 'a lease was not renewed'),
      systemClock,
    )
  }

  attach(kept: KeptLease): void {
    this.detach(kept.holder)
    const lease: Lease = { kept, isLetGo: false }
    this.#leases.set(kept.holder, lease)
    this.#renewIn(lease, kept.renewMs)
  }

  /** Takes over a lease that a dead thread had kept. */
  keep(kept: KeptLease): void {
    if (!this.#leases.has(kept.holder)) this.attach(kept)
  }

  detach(holder: string): void {
    clearTimeout(this.#leases.get(holder)?.timer)
    this.#leases.delete(holder)
  }

  holders(): readonly string[] {
    return [...this.#leases.keys()]
  }

  #renewIn(lease: Lease, pauseMs: number): void {
    lease.timer = setTimeout(() => void this.#renew(lease), pauseMs)
  }

  async #renew(lease: Lease): Promise<void> {
    const { holder, leaseMs, renewMs } = lease.kept
    let pauseMs = renewMs
    try {
      if (this.#mayKeep(lease))
        await this.#host.transact(() => this.#statements.renew(holder, Date.now() + leaseMs))
    } catch (error) {
      // A lock or a full disk is temporary, and reported by the claims. Other errors are logged here.
      if (!this.#host.isOutage(error)) this.#unrenewed(error)
      pauseMs = Math.min(RETRY_MS, renewMs)
    }
    if (this.#leases.get(holder) === lease) this.#renewIn(lease, pauseMs)
  }

  /** False while the main thread is blocked for longer than allowed; logs it once. */
  #mayKeep(lease: Lease): boolean {
    const { holder, maxBlockMs } = lease.kept
    const blockedMs = Date.now() - this.#host.lastTurnMs()
    const wasLetGo = lease.isLetGo
    lease.isLetGo = blockedMs > maxBlockMs
    if (lease.isLetGo && !wasLetGo)
      tellStandstill(this.#host.logger, holder, blockedMs, this.#statements.heldTasks(holder))
    return !lease.isLetGo
  }
}
