import type { AppCore } from '../app/core/index.js'
import type { Unsubscribe } from '../kernel/index.js'
import { tellParent } from '../process/index.js'
import { longestLimitMs } from '../worker/index.js'

/** The message of a supervised process, every second while its event loop turns. */
export interface Beat {
  readonly kind: 'lovage:beat'
  /** How long the loop may be blocked: the longest hard limit of its tasks; null = one of them has none. */
  readonly maxBlockMs: number | null
}

const EVERY_MS = 1000
/** Grace beyond the allowed silence, so that a busy machine kills no process. */
const GRACE_MS = 3000

/** Reports to the supervisor that this process's event loop turns; does nothing without one. */
export function sendBeats({ tasks }: AppCore): Unsubscribe {
  const maxBlockMs = longestLimitMs(tasks) ?? null
  const beat: Beat = { kind: 'lovage:beat', maxBlockMs }
  const send = (): void => tellParent(beat)
  // The first is sent at once: a task may block the loop before the second.
  send()
  const timer = setInterval(send, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether a child's message is a beat. */
export const isBeat = (message: unknown): message is Beat =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'lovage:beat'

/**
 * Listens for a child's beats and calls back when it has been silent for longer than its tasks' hard limits allow: an endless loop in an
 * asynchronous worker, which nothing inside it can end.
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
    // Checked twice: after a pause of our own, beats may be unread.
    if (this.#isSuspect) {
      this.stop()
      this.#onSilence(silentMs)
    }
    this.#isSuspect = true
  }
}
