/** No clock that counts messages gets this far: a greater value is forged, and would leave no room to count on. */
const HIGHEST = 2 ** 48

/** A Lamport clock: every message sent carries a greater number than any its sender has seen. */
export class LogicalClock {
  #value = 0

  get value(): number {
    return this.#value
  }
  /** Advances the clock for a message about to be sent. */
  tick(): number {
    return ++this.#value
  }
  /** Adjusts the clock to a received message. Ignores anything that is not a whole number, or is implausibly large. */
  adjust(received: unknown): void {
    if (typeof received === 'number' && Number.isSafeInteger(received) && received <= HIGHEST)
      this.#value = Math.max(this.#value, received) + 1
  }
}
