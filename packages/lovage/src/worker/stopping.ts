import type { Settings } from '../app/index.js'
import type { Clock, Timer } from '../kernel/index.js'
import type { StopKind } from './boot-step.js'

const HARDNESS: Readonly<Record<StopKind, number>> = { warm: 0, soft: 1, cold: 2 }

/** How long a worker that is to stop waits for what runs, and how that changes when it is told to hurry. */
export class Stopping {
  readonly #clock: Clock
  #how: StopKind | undefined
  #timer: Timer | undefined
  #limits: Readonly<Record<StopKind, number>> = { warm: 0, soft: 0, cold: 0 }
  #lose: () => void = () => {}
  /** Resolves when waiting is over. */
  readonly patience: Promise<void>

  constructor(clock: Clock) {
    this.#clock = clock
    this.patience = new Promise((resolve) => {
      this.#lose = resolve
    })
  }

  /** undefined = it is not stopping. */
  get how(): StopKind | undefined {
    return this.#how
  }

  begin(how: StopKind, conf: Pick<Settings, 'workerShutdownTimeout' | 'workerSoftShutdownTimeout'>): void {
    this.#limits = { warm: conf.workerShutdownTimeout, soft: conf.workerSoftShutdownTimeout, cold: 0 }
    this.#how = how
    this.#wait()
  }

  /** A stop never becomes a softer one. */
  harden(how: StopKind): void {
    if (this.#how === undefined || HARDNESS[how] <= HARDNESS[this.#how]) return
    this.#how = how
    this.#wait()
  }

  #wait(): void {
    if (this.#how === undefined) return
    this.#timer?.cancel()
    const limitS = this.#limits[this.#how]
    if (limitS <= 0) this.#lose()
    else this.#timer = this.#clock.setTimer(this.#lose, limitS * 1000)
  }
}
