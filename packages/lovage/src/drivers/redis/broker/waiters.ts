import type { Clock } from '../../../kernel/index.js'
import type { RedisTarget } from '../client/index.js'
import { Waiter } from './waiter.js'

/** One waiter a queue, all armed and disarmed together: the first that wakes disarms the others. */
export class Waiters {
  readonly #target: RedisTarget
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #onError: (error: unknown) => void
  readonly #byList = new Map<string, Waiter>()

  constructor(
    target: RedisTarget,
    clock: Clock,
    on: { readonly wake: () => void; readonly error: (error: unknown) => void },
  ) {
    this.#target = target
    this.#clock = clock
    this.#wake = on.wake
    this.#onError = on.error
  }

  /** Waits at these lists from now on. */
  setLists(lists: readonly string[]): void {
    const wanted = new Set(lists)
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

  arm(): void {
    for (const waiter of this.#byList.values()) waiter.arm()
  }

  disarm(): void {
    for (const waiter of this.#byList.values()) waiter.disarm()
  }

  close(): void {
    this.setLists([])
  }

  #woken(): void {
    this.disarm()
    this.#wake()
  }
}
