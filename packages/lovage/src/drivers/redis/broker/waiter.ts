import { type Clock, delay } from '../../../kernel/index.js'
import { isConnectionLoss, patient, RedisConnection, type RedisTarget } from '../client/index.js'

/** The server ends a wait after this long, so that a dead connection is noticed. */
const WAIT_S = 10
const PAUSE_AFTER_ERROR_MS = 1_000

/**
 * Waits for messages in one list without taking any: BLMOVE of the tail onto itself blocks, removes nothing, and wakes
 * all waiters. It has its own connection, because it blocks.
 */
export class Waiter {
  readonly #connection: RedisConnection
  readonly #list: string
  readonly #wake: () => void
  readonly #onError: (error: unknown) => void
  readonly #clock: Clock
  #waiting = false
  #armed = false

  constructor(
    target: RedisTarget,
    list: string,
    clock: Clock,
    on: { readonly wake: () => void; readonly error: (error: unknown) => void },
  ) {
    this.#connection = new RedisConnection(patient(target, WAIT_S), 'lovage:waiter')
    this.#list = list
    this.#clock = clock
    this.#wake = on.wake
    this.#onError = on.error
  }

  /** Wakes once when the list holds a message, possibly at once. */
  arm(): void {
    this.#armed = true
    if (!this.#waiting) void this.#wait()
  }

  /** Later messages wake nothing; the server's wait times out by itself. */
  disarm(): void {
    this.#armed = false
  }

  drop(): void {
    this.#connection.drop()
  }

  close(): void {
    this.#armed = false
    this.#connection.close()
  }

  async #wait(): Promise<void> {
    this.#waiting = true
    const words = [this.#list, this.#list, 'RIGHT', 'RIGHT', WAIT_S]
    while (this.#armed) {
      try {
        const found = await this.#connection.sendForBytes<Buffer | null>('blmove', words)
        if (found !== null && this.#armed) {
          this.#armed = false
          this.#wake()
        }
      } catch (error) {
        if (this.#connection.isClosed) break
        // The consumer's own connection reports an unavailable server; the wait starts again when it is back.
        if (!isConnectionLoss(error)) {
          this.#onError(error)
          await delay(this.#clock, PAUSE_AFTER_ERROR_MS)
        }
      }
    }
    this.#waiting = false
  }
}
