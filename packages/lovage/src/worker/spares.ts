import type { HandBack } from './hand-back.js'
import type { WorkerCore } from './worker-core.js'

/** How long a claimed message may wait for a place in the pool that was available when it was requested. */
const WAIT_MS = 10

/**
 * Hands back messages claimed for a pool that had room for more short tasks, and has none when they arrive: a
 * long task has started, and another worker may be idle.
 */
export class Spares {
  readonly #core: Pick<WorkerCore, 'claims' | 'line'>
  readonly #handBack: HandBack
  #timer: NodeJS.Timeout | undefined

  constructor(core: Pick<WorkerCore, 'claims' | 'line'>, handBack: HandBack) {
    this.#core = core
    this.#handBack = handBack
  }

  /** Checks newly claimed messages. */
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
