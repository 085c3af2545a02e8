/** Collects what a turn of the event loop settles, so that it leaves in one write, and the next claim with it. */
export class FlushTurn {
  readonly #flush: (send: () => void) => void
  #send: (() => void) | undefined
  #isDue = false

  /** `flush` writes what is pending, and calls `send` in the same write. */
  constructor(flush: (send: () => void) => void) {
    this.#flush = flush
  }

  /** Flushes once this turn is over; the last `send` given goes with it. */
  soon(send?: () => void): void {
    this.#send = send ?? this.#send
    if (this.#isDue) return
    this.#isDue = true
    process.nextTick(() => {
      this.#isDue = false
      const last = this.#send
      this.#send = undefined
      this.#flush(() => last?.())
    })
  }
}
