import type { Clock } from '../../../kernel/index.js'
import type { RedisTarget } from '../client/index.js'
import { Waiter } from './waiter.js'

/** One waiter per queue, all armed and disarmed together: the first that wakes disarms the others. */
export class Waiters {
  readonly #targetOf: (queue: string) => RedisTarget
  readonly #clock: Clock
  readonly #listOf: (queue: string) => string
  readonly #onError: (error: unknown) => void
  #wake: (queue: string) => void = () => {}
  readonly #byQueue = new Map<string, Waiter>()
  queues: readonly string[] = []

  constructor(
    targetOf: (queue: string) => RedisTarget,
    clock: Clock,
    listOf: (queue: string) => string,
    onError: (error: unknown) => void,
  ) {
    this.#targetOf = targetOf
    this.#clock = clock
    this.#listOf = listOf
    this.#onError = onError
  }

  /** Waits at the lists of these queues from now on. */
  setQueues(queues: readonly string[]): void {
    this.queues = queues
    const wanted = new Set(queues)
    for (const [queue, waiter] of this.#byQueue) {
      if (wanted.has(queue)) continue
      waiter.close()
      this.#byQueue.delete(queue)
    }
    for (const queue of wanted) {
      if (this.#byQueue.has(queue)) continue
      const on = { wake: () => this.#woken(queue), error: this.#onError }
      this.#byQueue.set(queue, new Waiter(this.#targetOf(queue), this.#listOf(queue), this.#clock, on))
    }
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
