import { type Clock, delay } from '../../../kernel/index.js'
import { isConnectionLoss, patient, RedisConnection, type RedisTarget } from '../client/index.js'

/** The server ends a wait after this long, so that a dead connection is noticed. */
const WAIT_S = 10
const PAUSE_AFTER_ERROR_MS = 1_000

/** What became of the claim behind a wait: it took messages, found none, or had no room reserved. */
export type WaitOutcome = 'taken' | 'none' | 'refused'

/** What a waiter calls. */
export interface WaiterHooks {
  readonly wake: () => void
  readonly error: (error: unknown) => void
  /** Sends a claim, which the server executes when the wait ends; undefined: none. */
  readonly claim: (connection: RedisConnection) => Promise<WaitOutcome> | undefined
  /** The answer of a claim may have been lost. */
  readonly lost: () => void
}

/**
 * Waits for messages in one list without taking any: BLMOVE of the tail onto itself blocks, removes nothing, and wakes
 * all waiters. It has its own connection, because it blocks. A claim that is sent behind it costs no further round trip.
 */
export class Waiter {
  readonly #connection: RedisConnection
  readonly #list: string
  readonly #on: WaiterHooks
  readonly #clock: Clock
  #waiting = false
  #armed = false

  constructor(target: RedisTarget, list: string, clock: Clock, on: WaiterHooks) {
    this.#connection = new RedisConnection(patient(target, WAIT_S), 'lovage:waiter')
    this.#list = list
    this.#clock = clock
    this.#on = on
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
        const [found, outcome] = await this.#connection.together(() =>
          Promise.all([
            this.#connection.sendForBytes<Buffer | null>('blmove', words),
            this.#on.claim(this.#connection),
          ]),
        )
        if (outcome === 'taken') this.#armed = false
        else if (found !== null && outcome !== 'none' && this.#armed) {
          this.#armed = false
          this.#on.wake()
        }
      } catch (error) {
        if (this.#connection.isClosed) break
        this.#on.lost()
        // The consumer's own connection reports an unavailable server; the wait starts again when it is back.
        if (!isConnectionLoss(error)) {
          this.#on.error(error)
          await delay(this.#clock, PAUSE_AFTER_ERROR_MS)
        }
      }
    }
    this.#waiting = false
  }
}
