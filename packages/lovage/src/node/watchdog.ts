import type { AppCore } from '../app/core/index.js'
import type { Unsubscribe } from '../kernel/index.js'
import { tellParent } from '../process/index.js'
import { longestLimitMs } from '../worker/index.js'

/** What a supervised process says every second while its event loop turns. */
export interface Beat {
  readonly kind: 'lovage:beat'
  /** For how long the loop may stand still: the longest hard limit of its tasks; null = one of them has none. */
  readonly maxBlockMs: number | null
}

const EVERY_MS = 1000
/** Silence beyond what is allowed, so that a busy machine kills nobody. */
const GRACE_MS = 3000

/** Tells a supervisor that this process's event loop turns; does nothing where there is none. */
export function sendBeats({ tasks }: AppCore): Unsubscribe {
  const maxBlockMs = longestLimitMs(tasks) ?? null
  const beat: Beat = { kind: 'lovage:beat', maxBlockMs }
  const send = (): void => tellParent(beat)
  // The first one at once: a task may block the loop before the second.
  send()
  const timer = setInterval(send, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether a message of a child is a beat. */
export const isBeat = (message: unknown): message is Beat =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'lovage:beat'

/**
 * Listens for the beats of a child and calls back when it has been silent for longer than its tasks' hard limits allow: an
 * endless loop in an asynchronous worker, which nothing inside of it can end.
 */
export class Watchdog {
  readonly #onSilence: (silentMs: number) => void
  #last: { readonly atMs: number; readonly maxBlockMs: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #isSuspect = false

  constructor(onSilence: (silentMs: number) => void) {
    this.#onSilence = onSilence
  }

  hear({ maxBlockMs }: Beat): void {
    this.#isSuspect = false
    this.#last = maxBlockMs === null ? undefined : { atMs: performance.now(), maxBlockMs }
    this.#timer ??= setInterval(() => this.#look(), EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    if (!this.#last) return
    const silentMs = performance.now() - this.#last.atMs
    if (silentMs <= this.#last.maxBlockMs + GRACE_MS) return
    // Seen twice: after a pause of our own, beats may lie unread.
    if (this.#isSuspect) {
      this.stop()
      this.#onSilence(silentMs)
    }
    this.#isSuspect = true
  }
}
