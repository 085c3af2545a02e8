import type { Settings } from '../app/index.js'
import type { Clock, Timer } from '../kernel/index.js'
import type { StopKind } from './boot-step.js'

const HARDNESS: Readonly<Record<StopKind, number>> = { warm: 0, soft: 1, cold: 2 }

/** How long a worker that is to stop waits for what runs, and how that changes when it is told to hurry. */
export class Stopping {
  readonly #clock: Clock
  #how: StopKind | undefined
  #timer: Timer | undefined
  /** Seconds. */
  readonly #limits: Readonly<Record<StopKind, number>>
  #lose: () => void = () => {}
  /** Resolves when waiting is over. */
  readonly patience: Promise<void>

  constructor(clock: Clock, conf: Pick<Settings, 'workerShutdownTimeout' | 'workerSoftShutdownTimeout'>) {
    this.#clock = clock
    this.#limits = { warm: conf.workerShutdownTimeout, soft: conf.workerSoftShutdownTimeout, cold: 0 }
    this.patience = new Promise((resolve) => {
      this.#lose = resolve
    })
  }

  /** undefined = it is not stopping. */
  get how(): StopKind | undefined {
    return this.#how
  }

  /** Begins to wait, or for less; false when it is to stop in this way or a harder one already. */
  ask(how: StopKind): boolean {
    if (this.#how !== undefined && HARDNESS[how] <= HARDNESS[this.#how]) return false
    this.#how = how
    this.#timer?.cancel()
    const limitS = this.#limits[how]
    if (limitS <= 0) this.#lose()
    else this.#timer = this.#clock.setTimer(this.#lose, limitS * 1000)
    return true
  }

  /** Nobody waits any more. */
  end(): void {
    this.#timer?.cancel()
  }
}
