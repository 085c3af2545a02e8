import type { Clock, Timer } from '../kernel/index.js'

/** Sleeps until an instant of the wall clock, which may be set while it sleeps, or until it is woken. */
export class Alarm implements Disposable {
  readonly #clock: Clock
  readonly #checkMs: number
  readonly #over: AbortSignal
  readonly #onOver = (): void => this.ring()
  #wake: (() => void) | undefined

  /** `checkMs`: how often it checks the clock. It ends when one of the signals is aborted. */
  constructor(clock: Clock, checkMs: number, over: readonly AbortSignal[]) {
    this.#clock = clock
    this.#checkMs = checkMs
    this.#over = AbortSignal.any([...over])
    this.#over.addEventListener('abort', this.#onOver)
  }

  get isOver(): boolean {
    return this.#over.aborted
  }

  /** Wakes the sleeper; does nothing if there is none. */
  ring(): void {
    this.#wake?.()
  }

  /** Resolves at `atMs` (Unix ms), on a ring, or at once when `isAwake` says so. It also wakes when the clock goes back. */
  async until(atMs: number, isAwake: () => boolean): Promise<void> {
    const startMs = this.#clock.now()
    for (let nowMs = startMs; nowMs < atMs && nowMs >= startMs && !this.isOver && !isAwake(); ) {
      let timer: Timer | undefined
      const isRung = await new Promise<boolean>((resolve) => {
        this.#wake = () => resolve(true)
        timer = this.#clock.setTimer(() => resolve(false), Math.min(atMs - nowMs, this.#checkMs))
      })
      timer?.cancel()
      this.#wake = undefined
      if (isRung) return
      nowMs = this.#clock.now()
    }
  }

  [Symbol.dispose](): void {
    this.#over.removeEventListener('abort', this.#onOver)
  }
}
