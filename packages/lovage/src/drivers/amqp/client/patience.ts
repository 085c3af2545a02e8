import { delay, systemClock } from '../../../kernel/index.js'

const FIRST_MS = 50
const LONGEST_MS = 5_000
/** An attempt that lasts this long has succeeded. */
export const STABLE_MS = 10_000

/**
 * Backoff for something that runs forever, across losses. Pauses grow while it does not last, also when each attempt succeeds and its
 * result is lost at once, and reset after one that has lasted.
 */
export class Patience {
  #pauseMs = 0
  #beganMs: number | undefined
  /** How often it has started, and not lasted. */
  #flaps = 0

  /** It works from now on. */
  began(): void {
    this.#beganMs = Date.now()
  }

  /** It has ended, or could not start. Returns whether this is the first failure in a row: the one to report. */
  failed(): boolean {
    if (this.#hasLasted) {
      this.#pauseMs = 0
      this.#flaps = 0
    } else if (this.#beganMs !== undefined) this.#flaps++
    this.#beganMs = undefined
    const isFirst = this.#pauseMs === 0
    this.#pauseMs = Math.min(Math.max(FIRST_MS, 2 * this.#pauseMs), LONGEST_MS)
    return isFirst
  }

  /** Whether recovery may be reported: normally at once, but on a flapping connection only after it has lasted. */
  get isCalm(): boolean {
    return this.#flaps <= 1 || this.#hasLasted
  }

  /** Resolves when it may be tried again. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (this.#pauseMs > 0) await delay(systemClock, this.#pauseMs, signal)
  }

  get #hasLasted(): boolean {
    return this.#beganMs !== undefined && Date.now() - this.#beganMs >= STABLE_MS
  }
}
