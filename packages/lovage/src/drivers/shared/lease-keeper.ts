import type { Worker } from 'node:worker_threads'
import { startThread } from '../../process/index.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'

const PULSE_MS = 100
/** The delay before a dead thread is started again; it doubles each time, up to the last value. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** A thread that lived this long did not die of its start. */
const HEALTHY_MS = 30_000
/** Renewing creates little garbage; a thread of the usual size would take ten megabytes more for it. */
const SMALL = { maxYoungGenerationSizeMb: 2 }

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
}

/**
 * The main side of the thread that renews leases, one for all consumers of a broker. Until the thread is up, leases are renewed
 * from here, which is as good as long as the event loop turns. A thread that dies is started again.
 */
export class LeaseKeeper<Data extends object> {
  readonly #module: URL
  readonly #data: Data
  readonly #pulse = new SharedArrayBuffer(8)
  readonly #beat = new BigInt64Array(this.#pulse)
  readonly #leases = new Map<string, Keeping>()
  #thread: Worker | undefined
  #pulseTimer: NodeJS.Timeout | undefined
  #restart: NodeJS.Timeout | undefined
  #startedMs = 0
  #pauseMs = FIRST_PAUSE_MS

  /** `module` calls `keepLeases` with the contents of `data` and `LeaseThreadData`. */
  constructor(module: URL, data: Data) {
    this.#module = module
    this.#data = data
  }

  /** Resolves when the lease is on the server; rejects when it cannot be stored there. */
  async keep(lease: KeptLease, care: LeaseCare): Promise<void> {
    const keeping: Keeping = { lease, care }
    const renewedMs = Date.now()
    await care.renew(lease)
    this.#leases.set(lease.holder, keeping)
    this.#renewLater(keeping)
    this.#thread ??= this.#startThread()
    this.#thread.postMessage({ kind: 'keep', lease, renewedMs } satisfies LeaseRequest)
  }

  release(holder: string): void {
    clearTimeout(this.#leases.get(holder)?.timer)
    this.#leases.delete(holder)
    this.#thread?.postMessage({ kind: 'release', holder } satisfies LeaseRequest)
  }

  async close(): Promise<void> {
    clearInterval(this.#pulseTimer)
    clearTimeout(this.#restart)
    for (const { timer } of this.#leases.values()) clearTimeout(timer)
    this.#leases.clear()
    const thread = this.#thread
    this.#thread = undefined
    // Its end is awaited, even by a process that has nothing else to do. It holds nothing that it could lose.
    thread?.ref()
    await thread?.terminate()
  }

  #startThread(): Worker {
    this.#startedMs = performance.now()
    const beat = (): void => void Atomics.store(this.#beat, 0, BigInt(Date.now()))
    beat()
    clearInterval(this.#pulseTimer)
    this.#pulseTimer = setInterval(beat, PULSE_MS).unref()
    const workerData: Data & LeaseThreadData = { ...this.#data, pulse: this.#pulse }
    const thread = startThread(this.#module, { workerData, resourceLimits: SMALL })
    let failure: unknown
    thread.on('message', ({ holder }: LeaseReport) => clearTimeout(this.#leases.get(holder)?.timer))
    thread.on('error', (error) => {
      failure = error
    })
    thread.on('exit', (code) => {
      if (thread === this.#thread)
        this.#threadDied(failure ?? new Error(`the thread that renews leases exited with code ${code}`))
    })
    // Last: a message listener would keep the process alive again.
    thread.unref()
    return thread
  }

  /** Leases are renewed from here until another thread does it. */
  #threadDied(error: unknown): void {
    clearInterval(this.#pulseTimer)
    this.#thread = undefined
    for (const keeping of this.#leases.values()) {
      keeping.care.onError(error)
      this.#renewLater(keeping)
    }
    if (performance.now() - this.#startedMs > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS
    this.#restart = setTimeout(() => this.#startAgain(), this.#pauseMs).unref()
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs)
  }

  #startAgain(): void {
    if (this.#thread || this.#leases.size === 0) return
    this.#thread = this.#startThread()
    for (const { lease } of this.#leases.values())
      this.#thread.postMessage({ kind: 'keep', lease, renewedMs: Date.now() } satisfies LeaseRequest)
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
