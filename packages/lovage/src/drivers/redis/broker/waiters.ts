import type { Clock } from '../../../kernel/index.js'
import type { RedisTarget } from '../client/index.js'
import { Waiter } from './waiter.js'

/** One waiter per queue, all armed and disarmed together: the first that wakes disarms the others. */
export class Waiters {
  readonly #target: RedisTarget
  readonly #clock: Clock
  readonly #listOf: (queue: string) => string
  readonly #onError: (error: unknown) => void
  #wake: () => void = () => {}
  readonly #byList = new Map<string, Waiter>()

  constructor(
    target: RedisTarget,
    clock: Clock,
    listOf: (queue: string) => string,
    onError: (error: unknown) => void,
  ) {
    this.#target = target
    this.#clock = clock
    this.#listOf = listOf
    this.#onError = onError
  }

  /** Waits at the lists of these queues from now on. */
  setQueues(queues: readonly string[]): void {
    const wanted = new Set(queues.map(this.#listOf))
    for (const [list, waiter] of this.#byList) {
      if (wanted.has(list)) continue
      waiter.close()
      this.#byList.delete(list)
    }
    for (const list of wanted) {
      if (this.#byList.has(list)) continue
      const on = { wake: () => this.#woken(), error: this.#onError }
      this.#byList.set(list, new Waiter(this.#target, list, this.#clock, on))
    }
  }

  /** Calls `wake` when one of the lists holds a message, possibly at once. */
  arm(wake: () => void): void {
    this.#wake = wake
    for (const waiter of this.#byList.values()) waiter.arm()
  }

  disarm(): void {
    for (const waiter of this.#byList.values()) waiter.disarm()
  }

  /** Opens the connections again. */
  drop(): void {
    for (const waiter of this.#byList.values()) waiter.drop()
  }

  close(): void {
    this.setQueues([])
  }

  #woken(): void {
    this.disarm()
    this.#wake()
  }
}
