import type { Settings } from '../app/settings/index.js'
import { type Clock, delay, type Timer } from '../kernel/index.js'
import type { StopKind } from './boot-step.js'

/** How long a broker has to take back unfinished messages. */
const LAST_MOMENT_MS = 5000

/** A stop request: `drain` is a warm stop that waits for running tasks without a limit. */
export type StopRequest = StopKind | 'drain'

const HARDNESS: Readonly<Record<StopRequest, number>> = { drain: 0, warm: 1, soft: 2, cold: 3 }

/** How long a stopping worker waits for running tasks, and how that changes when it is told to hurry. */
export class Stopping {
  readonly #clock: Clock
  #asked: StopRequest | undefined
  #timer: Timer | undefined
  /** Seconds. */
  readonly #limits: Readonly<Record<StopRequest, number>>
  #lose: () => void = () => {}
  /** Resolves when waiting is over. */
  readonly patience: Promise<void>

  constructor(clock: Clock, conf: Pick<Settings, 'workerShutdownTimeout' | 'workerSoftShutdownTimeout'>) {
    this.#clock = clock
    this.#limits = {
      drain: Number.POSITIVE_INFINITY,
      warm: conf.workerShutdownTimeout,
      soft: conf.workerSoftShutdownTimeout,
      cold: 0,
    }
    this.patience = new Promise((resolve) => {
      this.#lose = resolve
    })
  }

  /** undefined = it is not stopping. */
  get how(): StopKind | undefined {
    return this.#asked === 'drain' ? 'warm' : this.#asked
  }

  /** Starts waiting, or shortens the wait; false when it is already stopping in this way or a harder one. */
  ask(how: StopRequest): boolean {
    if (this.#asked !== undefined && HARDNESS[how] <= HARDNESS[this.#asked]) return false
    this.#asked = how
    this.#timer?.cancel()
    const limitS = this.#limits[how]
    if (limitS <= 0) this.#lose()
    else if (Number.isFinite(limitS)) this.#timer = this.#clock.setTimer(this.#lose, limitS * 1000)
    return true
  }

  /** Waits for `work` as long as the limit allows, and then a moment more; false if it had not ended by then. */
  async outlasts(work: Promise<unknown>): Promise<boolean> {
    const over = new AbortController()
    const lastMoment = this.patience.then(() => delay(this.#clock, LAST_MOMENT_MS, over.signal))
    // Cancelled when it is not needed.
    lastMoment.catch(() => {})
    try {
      return await Promise.race([work.then(() => true), lastMoment.then(() => false)])
    } finally {
      over.abort()
    }
  }

  /** Ends the waiting. */
  end(): void {
    this.#timer?.cancel()
  }
}
