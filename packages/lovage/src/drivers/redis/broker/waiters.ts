import type { Clock } from '../../../kernel/index.js'
import type { RedisConnection, RedisTarget } from '../client/index.js'
import { Waiter, type WaiterHooks } from './waiter.js'

/** The claims behind waits. */
export interface WaitClaims {
  /** Sends one for a queue, if there is to be one. */
  claim(queue: string, connection: RedisConnection): ReturnType<WaiterHooks['claim']>
  /** The answer of one may have been lost. */
  lost(): void
}

/** One waiter per queue, all armed and disarmed together: the first that wakes disarms the others. */
export class Waiters {
  readonly #targetOf: (queue: string) => RedisTarget
  readonly #clock: Clock
  readonly #listOf: (queue: string) => string
  readonly #onError: (error: unknown) => void
  readonly #claims: WaitClaims | undefined
  #wake: (queue: string) => void = () => {}
  readonly #byQueue = new Map<string, Waiter>()
  readonly #alone = new Map<string, readonly string[]>()
  queues: readonly string[] = []

  constructor(
    targetOf: (queue: string) => RedisTarget,
    clock: Clock,
    listOf: (queue: string) => string,
    onError: (error: unknown) => void,
    claims?: WaitClaims,
  ) {
    this.#targetOf = targetOf
    this.#clock = clock
    this.#listOf = listOf
    this.#onError = onError
    this.#claims = claims
  }

  /** Waits at the lists of these queues from now on. */
  setQueues(queues: readonly string[]): void {
    this.queues = queues
    const wanted = new Set(queues)
    for (const [queue, waiter] of this.#byQueue) {
      if (wanted.has(queue)) continue
      waiter.close()
      this.#byQueue.delete(queue)
      this.#alone.delete(queue)
    }
    for (const queue of wanted) {
      if (this.#byQueue.has(queue)) continue
      const on: WaiterHooks = {
        wake: () => this.#woken(queue),
        error: this.#onError,
        claim: (connection) => this.#claims?.claim(queue, connection),
        lost: () => this.#claims?.lost(),
      }
      this.#byQueue.set(queue, new Waiter(this.#targetOf(queue), this.#listOf(queue), this.#clock, on))
    }
  }

  /** The queue as a list of one; the same each time, because words are kept by it. */
  alone(queue: string): readonly string[] {
    let one = this.#alone.get(queue)
    if (!one) {
      one = [queue]
      this.#alone.set(queue, one)
    }
    return one
  }

  /** Calls `wake` with a queue whose list holds a message, possibly at once. */
  arm(wake: (queue: string) => void): void {
    this.#wake = wake
    for (const waiter of this.#byQueue.values()) waiter.arm()
  }

  disarm(): void {
    for (const waiter of this.#byQueue.values()) waiter.disarm()
  }

  /** Opens the connections again. */
  drop(): void {
    for (const waiter of this.#byQueue.values()) waiter.drop()
  }

  close(): void {
    this.setQueues([])
  }

  #woken(queue: string): void {
    this.disarm()
    this.#wake(queue)
  }
}
