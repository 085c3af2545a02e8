import type { KeptLease } from './lease-protocol.js'
import { type JoinedThread, LeaseThreads } from './lease-threads.js'

/** The delay before a dead thread is started again; it doubles each time, up to the last value. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** A thread that lived this long did not die of its start. */
const HEALTHY_MS = 30_000
/** A thread is up and connected by then, on a busy machine too. */
const START_MS = 5_000

/** How a lease is renewed from the main thread, and the callbacks for when it is not. */
export interface LeaseCare {
  renew(lease: KeptLease): Promise<unknown>
  readonly onError: (error: unknown) => void
  /** Whether an error is an outage, which is reported elsewhere. */
  isOutage(error: unknown): boolean
}

/** A lease that is renewed from here as long as the thread does not renew it. */
interface Keeping {
  readonly lease: KeptLease
  readonly care: LeaseCare
  timer?: NodeJS.Timeout
  /** The thread renews it, or will not soon. */
  onTaken?: () => void
}

/**
 * The main side of the thread that renews leases, for all consumers of a broker. Until the thread is up, leases are renewed
 * from here, which is as good as long as the event loop turns. A thread that dies is started again.
 */
export class LeaseKeeper<Data extends object> {
  readonly #data: Data
  readonly #leases = new Map<string, Keeping>()
  readonly #threads: LeaseThreads
  #thread: JoinedThread | undefined
  #restart: NodeJS.Timeout | undefined
  #startedMs = 0
  #pauseMs = FIRST_PAUSE_MS

  /** `module` calls `keepLeases` with a function that is given `data`. */
  constructor(module: URL, data: Data) {
    this.#threads = LeaseThreads.of(module)
    this.#data = data
  }

  /**
   * Resolves when the lease is on the server, and one that is due before the thread is up also when the thread renews it: a task that
   * blocks the event loop at once would outlast it. Rejects when it cannot be stored on the server.
   */
  async keep(lease: KeptLease, care: LeaseCare): Promise<void> {
    const keeping: Keeping = { lease, care }
    const renewedMs = Date.now()
    await care.renew(lease)
    this.#leases.set(lease.holder, keeping)
    this.#renewLater(keeping)
    const thread = this.#thread ?? this.#join()
    this.#thread = thread
    if (lease.renewMs >= START_MS) return thread.post({ kind: 'keep', lease, renewedMs })
    await new Promise<void>((resolve) => {
      // Without its thread a worker works too; and the thread does not keep the process alive.
      const patience = setTimeout(resolve, START_MS)
      keeping.onTaken = () => {
        clearTimeout(patience)
        resolve()
      }
      thread.post({ kind: 'keep', lease, renewedMs: 0 })
    })
  }

  release(holder: string): void {
    this.#taken(holder)
    this.#leases.delete(holder)
    this.#thread?.post({ kind: 'release', holder })
  }

  async close(): Promise<void> {
    clearTimeout(this.#restart)
    for (const holder of this.#leases.keys()) this.#taken(holder)
    this.#leases.clear()
    const thread = this.#thread
    this.#thread = undefined
    await thread?.leave()
  }

  #join(): JoinedThread {
    this.#startedMs = performance.now()
    return this.#threads.join({
      data: this.#data,
      renewed: (holder) => this.#taken(holder),
      died: (error) => this.#threadDied(error),
    })
  }

  /** The lease is renewed from here no longer. */
  #taken(holder: string): void {
    const keeping = this.#leases.get(holder)
    clearTimeout(keeping?.timer)
    keeping?.onTaken?.()
  }

  /** Leases are renewed from here until another thread does it. */
  #threadDied(error: unknown): void {
    this.#thread = undefined
    for (const keeping of this.#leases.values()) {
      keeping.care.onError(error)
      keeping.onTaken?.()
      this.#renewLater(keeping)
    }
    if (performance.now() - this.#startedMs > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS
    this.#restart = setTimeout(() => this.#startAgain(), this.#pauseMs).unref()
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs)
  }

  #startAgain(): void {
    if (this.#thread || this.#leases.size === 0) return
    this.#thread = this.#join()
    for (const { lease } of this.#leases.values())
      this.#thread.post({ kind: 'keep', lease, renewedMs: Date.now() })
  }

  #renewLater(keeping: Keeping): void {
    const { lease, care } = keeping
    keeping.timer = setTimeout(() => {
      care
        .renew(lease)
        .catch((error: unknown) => {
          // The next interval retries.
          if (!care.isOutage(error)) care.onError(error)
        })
        .finally(() => {
          if (this.#leases.get(lease.holder) === keeping) keeping.timer?.refresh()
        })
    }, lease.renewMs).unref()
  }
}
