import type { AppCore } from '../app/core/index.js'
import type { Clock, Timer } from '../kernel/index.js'
import { withoutRepetition } from '../process/index.js'
import type { JoinStore } from '../result/index.js'
import type { Settler } from './settler.js'

/** How often a worker asks which chords still need to be ended. */
const ASK_MS = 10_000

/** Ends chords that are past their deadline, or whose worker died between their last member and their body. */
export class OwedJoins {
  readonly #joins: JoinStore
  readonly #settler: Settler
  readonly #clock: Clock
  #timer: Timer | undefined
  #asking: Promise<void> | undefined
  #isStopped = false
  readonly #complain: (error: unknown) => void

  constructor(joins: JoinStore, settler: Settler, { clock, logger }: Pick<AppCore, 'clock' | 'logger'>) {
    this.#joins = joins
    this.#settler = settler
    this.#clock = clock
    this.#complain = withoutRepetition(
      (error) => logger.warn({ err: error }, 'could not look for overdue chords; retrying'),
      clock,
    )
  }

  start(): void {
    if (this.#isStopped) return
    this.#timer = this.#clock.setTimer(() => {
      this.#asking = this.#ask().finally(() => this.start())
    }, ASK_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#asking
  }

  async #ask(): Promise<void> {
    try {
      for (const join of await this.#joins.due()) await this.#settler.complete(join)
    } catch (error) {
      this.#complain(error)
    }
  }
}
