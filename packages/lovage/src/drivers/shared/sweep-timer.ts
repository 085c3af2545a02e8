import type { Clock, Timer } from '../../kernel/index.js'

/** The timing of sweeps. */
export interface SweepOptions {
  readonly clock: Clock
  readonly longestPauseMs: number
  /** Sweeps; resolves to the time until the next delayed message is due, and never rejects. */
  readonly look: () => Promise<number | undefined>
}

/** Sweeps at least at the given interval, and at the moment at which the next delayed message is due. */
export class SweepTimer {
  readonly #options: SweepOptions
  #timer: Timer | undefined
  #nextMs = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  /** The earliest moment reported during a sweep. */
  #againMs = Number.POSITIVE_INFINITY
  #isStopped = false

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** Something may have become due: sweeps now. */
  soon(): void {
    this.expect(0)
  }

  /** Something will be due after this time. */
  expect(inMs: number): void {
    const atMs = this.#options.clock.now() + Math.max(0, inMs)
    if (this.#running) this.#againMs = Math.min(this.#againMs, atMs)
    else if (atMs < this.#nextMs) this.#schedule(atMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#running
  }

  #schedule(atMs: number): void {
    if (this.#isStopped) return
    this.#timer?.cancel()
    const { clock, longestPauseMs } = this.#options
    const nowMs = clock.now()
    const waitMs = Math.min(Math.max(0, atMs - nowMs), longestPauseMs)
    this.#nextMs = nowMs + waitMs
    this.#timer = clock.setTimer(() => {
      this.#againMs = Number.POSITIVE_INFINITY
      this.#running = this.#look()
    }, waitMs)
  }

  async #look(): Promise<void> {
    const inMs = (await this.#options.look()) ?? this.#options.longestPauseMs
    this.#running = undefined
    this.#schedule(Math.min(this.#options.clock.now() + inMs, this.#againMs))
  }
}
