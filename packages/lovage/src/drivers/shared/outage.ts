/** Reports once that a server is away, and once that it is back. */
export class Outage {
  readonly #onDown: (error: unknown) => void
  readonly #onUp: () => void
  #isDown = false
  readonly #waiting: (() => void)[] = []

  constructor(onDown: (error: unknown) => void, onUp: () => void) {
    this.#onDown = onDown
    this.#onUp = onUp
  }

  /** Resolves when the server is away, at once if it already is. */
  whenDown(): Promise<void> {
    return new Promise((resolve) => (this.#isDown ? resolve() : this.#waiting.push(resolve)))
  }

  down(error: unknown): void {
    if (this.#isDown) return
    this.#isDown = true
    for (const resolve of this.#waiting.splice(0)) resolve()
    this.#onDown(error)
  }

  /** Whether that is a change. */
  up(): boolean {
    if (!this.#isDown) return false
    this.#isDown = false
    this.#onUp()
    return true
  }
}
