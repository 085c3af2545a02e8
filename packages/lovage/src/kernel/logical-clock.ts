/** A clock that counts messages never comes so far: a greater one is forged, and would leave no room to go on. */
const HIGHEST = 2 ** 48

/** Lamport's clock: every message that is sent carries a greater number than all that its sender has seen. */
export class LogicalClock {
  #value = 0

  get value(): number {
    return this.#value
  }
  /** For a message about to be sent. */
  tick(): number {
    return ++this.#value
  }
  /** A message has come. What is no whole number, or beyond all reason, is ignored. */
  adjust(received: unknown): void {
    if (typeof received === 'number' && Number.isSafeInteger(received) && received <= HIGHEST)
      this.#value = Math.max(this.#value, received) + 1
  }
}
