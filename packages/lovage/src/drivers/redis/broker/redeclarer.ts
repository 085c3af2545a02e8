import type { Clock } from '../../../kernel/index.js'
import type { RedisRouting } from './redis-routing.js'

const DECLARE_PAUSE_MS = 60_000
const LOST_PAUSE_MS = 5_000

/** Keeps bindings through a FLUSHALL: what is gone is missed within five seconds, and all is written again each minute. */
export class Redeclarer {
  readonly #routing: RedisRouting
  readonly #clock: Clock
  #declaredMs = 0
  #lookedForLostMs = 0

  constructor(routing: RedisRouting, clock: Clock) {
    this.#routing = routing
    this.#clock = clock
  }

  async look(): Promise<void> {
    const nowMs = this.#clock.now()
    if (nowMs - this.#declaredMs >= DECLARE_PAUSE_MS) {
      this.#declaredMs = nowMs
      this.#lookedForLostMs = nowMs
      await this.#routing.declareAgain()
    } else if (nowMs - this.#lookedForLostMs >= LOST_PAUSE_MS) {
      this.#lookedForLostMs = nowMs
      await this.#routing.declareLost()
    }
  }
}
