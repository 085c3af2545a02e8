import type { Worker } from 'node:worker_threads'
import { ConnectionError, startThread } from '../../kernel/index.js'
import type { RedisTarget } from '../../redis-client/index.js'
import type { KeyOptions } from './keys.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'

const PULSE_MS = 100

/** The main side of the thread that renews leases; one for all consumers of a broker, started by the first. */
export class LeaseKeeper {
  readonly #target: RedisTarget
  readonly #keyOptions: KeyOptions
  readonly #pulse = new SharedArrayBuffer(8)
  readonly #beat = new BigInt64Array(this.#pulse)
  readonly #waiting = new Map<string, (report: LeaseReport) => void>()
  #thread: Worker | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(target: RedisTarget, keyOptions: KeyOptions) {
    this.#target = target
    this.#keyOptions = keyOptions
  }

  /** Resolves when the lease is on the server; rejects when the thread cannot put it there now. */
  async keep(lease: KeptLease): Promise<void> {
    const thread = this.#start()
    const report = await new Promise<LeaseReport>((resolve) => {
      this.#waiting.set(lease.holder, resolve)
      thread.postMessage({ kind: 'keep', lease } satisfies LeaseRequest)
    })
    this.#waiting.delete(lease.holder)
    if (report.error === undefined) return
    this.release(lease.holder)
    throw new ConnectionError(`The lease cannot be kept: ${report.error}`, {
      code: 'LVG_CONNECTION_FAILED',
      details: { location: this.#target.location },
    })
  }

  release(holder: string): void {
    this.#thread?.postMessage({ kind: 'release', holder } satisfies LeaseRequest)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const thread = this.#thread
    if (!thread) return
    // Its end is waited for, also by a process that has nothing else to do.
    thread.ref()
    const exit = new Promise((resolve) => thread.once('exit', resolve))
    thread.postMessage({ kind: 'close' } satisfies LeaseRequest)
    await exit
  }

  #start(): Worker {
    if (this.#thread) return this.#thread
    const workerData: LeaseThreadData = {
      target: this.#target,
      keyOptions: this.#keyOptions,
      pulse: this.#pulse,
    }
    const thread = startThread(new URL('./lease-thread.js', import.meta.url), { workerData })
    thread.unref()
    thread.on('message', (report: LeaseReport) => this.#waiting.get(report.holder)?.(report))
    thread.on('error', (error) => this.#died(error))
    this.#thread = thread
    const beat = (): void => void Atomics.store(this.#beat, 0, BigInt(Date.now()))
    beat()
    this.#timer = setInterval(beat, PULSE_MS).unref()
    return thread
  }

  /** Without renewal everything held would go to others: the process cannot go on as a worker. */
  #died(error: unknown): void {
    this.#thread = undefined
    clearInterval(this.#timer)
    const reason = error instanceof Error ? error.message : String(error)
    for (const [holder, tell] of this.#waiting) tell({ kind: 'kept', holder, error: reason })
  }
}
