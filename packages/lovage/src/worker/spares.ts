import type { HandBack } from './hand-back.js'
import type { WorkerCore } from './worker-core.js'

/** How long a claimed message may wait for a place in the pool that was there when it was asked for. */
const WAIT_MS = 10

/**
 * Hands back what was claimed for a pool that had room for more short tasks, and has not any more when it arrives: a
 * long one has begun, and another worker may be idle.
 */
export class Spares {
  readonly #core: Pick<WorkerCore, 'claims' | 'line'>
  readonly #handBack: HandBack
  #timer: NodeJS.Timeout | undefined

  constructor(core: Pick<WorkerCore, 'claims' | 'line'>, handBack: HandBack) {
    this.#core = core
    this.#handBack = handBack
  }

  /** Looks after what has just been claimed. */
  watch(): void {
    const { claims, line } = this.#core
    if (this.#timer || claims.size <= line.wanted) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const excess = claims.size - line.wanted
      if (excess > 0) void this.#handBack.give(claims.waiting.slice(-excess))
      this.watch()
    }, WAIT_MS).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
