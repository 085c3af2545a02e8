import type { Worker } from 'node:worker_threads'
import { startThread } from '../../process/index.js'
import type { LeaseChange, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'

const PULSE_MS = 100
/** Renewing creates little garbage; a thread of the usual size would take ten megabytes more for it. */
const SMALL = { maxYoungGenerationSizeMb: 2 }

/** A keeper of leases, as its thread's host knows it. */
export interface ThreadUser {
  /** What the thread needs to reach the server. */
  readonly data: object
  /** The thread has renewed the lease for the first time, and continues. */
  renewed(holder: string): void
  /** The thread has died; `join` starts another one. */
  died(error: unknown): void
}

/** A keeper's part of a thread. */
export interface JoinedThread {
  post(change: LeaseChange): void
  leave(): Promise<void>
}

/** The thread of a module in this process: a thread takes seventeen megabytes, so that all keepers share one. */
export class LeaseThreads {
  static readonly #all = new Map<string, LeaseThreads>()
  readonly #module: URL
  readonly #users = new Map<number, ThreadUser>()
  readonly #pulse = new SharedArrayBuffer(8)
  readonly #beat = new BigInt64Array(this.#pulse)
  #pulseTimer: NodeJS.Timeout | undefined
  #thread: Worker | undefined
  #number = 0

  static of(module: URL): LeaseThreads {
    const known = LeaseThreads.#all.get(module.href) ?? new LeaseThreads(module)
    LeaseThreads.#all.set(module.href, known)
    return known
  }

  private constructor(module: URL) {
    this.#module = module
  }

  /** Starts the thread, if it does not run. */
  join(user: ThreadUser): JoinedThread {
    this.#thread ??= this.#start()
    const keeper = ++this.#number
    this.#users.set(keeper, user)
    const post = (request: LeaseRequest): void => {
      // A thread that died took its users with it.
      if (this.#users.get(keeper) === user) this.#thread?.postMessage(request)
    }
    post({ kind: 'open', keeper, data: user.data })
    return {
      post: (change) => post({ ...change, keeper }),
      leave: async () => {
        post({ kind: 'close', keeper })
        this.#users.delete(keeper)
        if (this.#users.size === 0) await this.#end()
      },
    }
  }

  async #end(): Promise<void> {
    clearInterval(this.#pulseTimer)
    const thread = this.#thread
    this.#thread = undefined
    // Its end is awaited, even by a process that has nothing else to do. It holds nothing that it could lose.
    thread?.ref()
    await thread?.terminate()
  }

  #start(): Worker {
    const beat = (): void => void Atomics.store(this.#beat, 0, BigInt(Date.now()))
    beat()
    clearInterval(this.#pulseTimer)
    this.#pulseTimer = setInterval(beat, PULSE_MS).unref()
    const workerData: LeaseThreadData = { pulse: this.#pulse }
    const thread = startThread(this.#module, { workerData, resourceLimits: SMALL })
    let failure: unknown
    thread.on('message', ({ keeper, holder }: LeaseReport) => this.#users.get(keeper)?.renewed(holder))
    thread.on('error', (error) => {
      failure = error
    })
    thread.on('exit', (code) => {
      if (thread === this.#thread)
        this.#died(failure ?? new Error(`the thread that renews leases exited with code ${code}`))
    })
    // Last: a message listener would keep the process alive again.
    thread.unref()
    return thread
  }

  #died(error: unknown): void {
    clearInterval(this.#pulseTimer)
    this.#thread = undefined
    const users = [...this.#users.values()]
    this.#users.clear()
    for (const user of users) user.died(error)
  }
}
