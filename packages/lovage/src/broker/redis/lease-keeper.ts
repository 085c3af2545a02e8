import type { Worker } from 'node:worker_threads'
import { startThread } from '../../kernel/index.js'
import { isConnectionLoss, type RedisConnection, type RedisTarget } from '../../redis-client/index.js'
import type { KeyOptions, RedisKeys } from './keys.js'
import type { KeptLease, LeaseReport, LeaseRequest, LeaseThreadData } from './lease-protocol.js'
import { RENEW } from './scripts.js'

const PULSE_MS = 100

/** A lease that is kept from here as long as the thread does not. */
interface Keeping {
  readonly lease: KeptLease
  readonly connection: RedisConnection
  readonly onError: (error: unknown) => void
  timer?: NodeJS.Timeout
}

/**
 * The main side of the thread that renews leases, one for all consumers of a broker. Until the thread is up, and should
 * it die, leases are renewed from here, which is as good as long as the event loop turns.
 */
export class LeaseKeeper {
  readonly #target: RedisTarget
  readonly #keys: RedisKeys
  readonly #keyOptions: KeyOptions
  readonly #pulse = new SharedArrayBuffer(8)
  readonly #beat = new BigInt64Array(this.#pulse)
  readonly #leases = new Map<string, Keeping>()
  #thread: Worker | undefined
  #pulseTimer: NodeJS.Timeout | undefined

  constructor(target: RedisTarget, keys: RedisKeys, keyOptions: KeyOptions) {
    this.#target = target
    this.#keys = keys
    this.#keyOptions = keyOptions
  }

  /** Resolves when the lease is on the server; rejects when it cannot be put there. */
  async keep(
    lease: KeptLease,
    connection: RedisConnection,
    onError: (error: unknown) => void,
  ): Promise<void> {
    const keeping: Keeping = { lease, connection, onError }
    await this.#renew(keeping)
    this.#leases.set(lease.holder, keeping)
    this.#renewLater(keeping)
    this.#thread ??= this.#startThread()
    this.#thread.postMessage({ kind: 'keep', lease } satisfies LeaseRequest)
  }

  release(holder: string): void {
    clearTimeout(this.#leases.get(holder)?.timer)
    this.#leases.delete(holder)
    this.#thread?.postMessage({ kind: 'release', holder } satisfies LeaseRequest)
  }

  async close(): Promise<void> {
    clearInterval(this.#pulseTimer)
    for (const { timer } of this.#leases.values()) clearTimeout(timer)
    this.#leases.clear()
    const thread = this.#thread
    this.#thread = undefined
    // Its end is waited for, also by a process that has nothing else to do. It holds nothing that it could lose.
    thread?.ref()
    await thread?.terminate()
  }

  #startThread(): Worker {
    const workerData: LeaseThreadData = {
      target: this.#target,
      keyOptions: this.#keyOptions,
      pulse: this.#pulse,
    }
    const beat = (): void => void Atomics.store(this.#beat, 0, BigInt(Date.now()))
    beat()
    this.#pulseTimer = setInterval(beat, PULSE_MS).unref()
    const thread = startThread(new URL('./lease-thread.js', import.meta.url), { workerData })
    thread.on('message', ({ holder }: LeaseReport) => clearTimeout(this.#leases.get(holder)?.timer))
    thread.on('error', (error) => this.#threadDied(error))
    // Last: a listener for messages would keep the process alive again.
    thread.unref()
    return thread
  }

  #threadDied(error: unknown): void {
    clearInterval(this.#pulseTimer)
    this.#thread = undefined
    for (const keeping of this.#leases.values()) {
      keeping.onError(error)
      this.#renewLater(keeping)
    }
  }

  #renewLater(keeping: Keeping): void {
    keeping.timer = setTimeout(() => {
      this.#renew(keeping)
        .catch((error: unknown) => {
          // Told by the connection itself; the next turn comes.
          if (!isConnectionLoss(error) && !keeping.connection.isClosed) keeping.onError(error)
        })
        .finally(() => {
          if (this.#leases.get(keeping.lease.holder) === keeping) keeping.timer?.refresh()
        })
    }, keeping.lease.renewMs).unref()
  }

  async #renew({ lease: { holder, leaseMs }, connection }: Keeping): Promise<void> {
    const { holders, unackedIndex } = this.#keys
    await RENEW.run(connection, [holders, this.#keys.held(holder), unackedIndex], [holder, leaseMs])
  }
}
