import { type Clock, type Logger, type Timer, withoutRepetition } from '../kernel/index.js'
import type { JoinStore } from '../result/index.js'
import type { Settler } from './settler.js'

/** How often a worker asks which chords are owed an end. */
const ASK_MS = 10_000

/** What owed joins are ended with. */
export interface OwedJoinsPorts {
  readonly joins: JoinStore
  readonly clock: Clock
  readonly logger: Logger
  readonly settler: Pick<Settler, 'complete'>
}

/** Ends chords that are past their deadline, or whose worker died between their last member and their body. */
export class OwedJoins {
  readonly #ports: OwedJoinsPorts
  #timer: Timer | undefined
  #asking: Promise<void> | undefined
  #isStopped = false
  readonly #complain: (error: unknown) => void

  constructor(ports: OwedJoinsPorts) {
    this.#ports = ports
    const { logger, clock } = ports
    this.#complain = withoutRepetition(
      (error) => logger.warn({ err: error }, 'could not ask for chords that are owed an end; tries again'),
      clock,
    )
  }

  start(): void {
    if (this.#isStopped) return
    this.#timer = this.#ports.clock.setTimer(() => {
      this.#asking = this.#ask().finally(() => this.start())
    }, ASK_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#asking
  }

  async #ask(): Promise<void> {
    const { joins, settler } = this.#ports
    try {
      for (const join of await joins.due()) await settler.complete(join)
    } catch (error) {
      this.#complain(error)
    }
  }
}
