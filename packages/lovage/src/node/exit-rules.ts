import type { AppCore } from '../app/core/index.js'
import type { Timer } from '../kernel/index.js'
import { withoutRepetition } from '../process/index.js'
import type { Worker } from '../worker/index.js'

/** When a worker ends on its own, for jobs that a scheduler starts while there is work. */
export interface ExitOptions {
  /** Seconds for which it has had nothing to do, and its queues have been empty. Default: never. */
  readonly exitWhenIdleS?: number
  /** Seconds after its start, however much is waiting. Default: never. */
  readonly maxRuntimeS?: number
}

const LOOK_MS = 1000

/** Watches a worker until one of its rules applies, and says which. A broker that is away does not make a worker idle. */
export class ExitRules {
  readonly #app: AppCore
  readonly #worker: Worker
  readonly #options: ExitOptions
  readonly #onExit: (reason: string) => void
  readonly #startedMs: number
  readonly #unread: (error: unknown) => void
  #idleSinceMs: number
  #processed = 0
  #timer: Timer | undefined
  #isStopped = false

  constructor(app: AppCore, worker: Worker, options: ExitOptions, onExit: (reason: string) => void) {
    this.#app = app
    this.#worker = worker
    this.#options = options
    this.#onExit = onExit
    this.#startedMs = app.clock.now()
    this.#idleSinceMs = this.#startedMs
    this.#unread = withoutRepetition(
      (error) => app.logger.warn({ err: error }, 'cannot tell whether there is work left; the worker stays'),
      app.clock,
    )
    if (options.exitWhenIdleS !== undefined || options.maxRuntimeS !== undefined) this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#timer = this.#app.clock.setTimer(() => void this.#look(), LOOK_MS)
  }

  async #look(): Promise<void> {
    const reason = await this.#reason()
    if (reason === undefined || this.#isStopped) return this.#schedule()
    this.stop()
    this.#onExit(reason)
  }

  async #reason(): Promise<string | undefined> {
    const { exitWhenIdleS = Number.POSITIVE_INFINITY, maxRuntimeS = Number.POSITIVE_INFINITY } = this.#options
    const { clock } = this.#app
    if (clock.now() - this.#startedMs >= maxRuntimeS * 1000) return `it has run for ${maxRuntimeS} s`
    const { held, processed } = this.#worker
    if (held.length > 0 || processed !== this.#processed) {
      this.#idleSinceMs = clock.now()
      this.#processed = processed
    }
    if (clock.now() - this.#idleSinceMs < exitWhenIdleS * 1000) return undefined
    try {
      if (await this.#hasWork()) return undefined
    } catch (error) {
      this.#unread(error)
      return undefined
    }
    // A message may have come while the broker was asked; a warm stop would only hand it back.
    return this.#worker.held.length > 0 ? undefined : `it has had nothing to do for ${exitWhenIdleS} s`
  }

  async #hasWork(): Promise<boolean> {
    const { queues, limits } = this.#worker
    const broker = await this.#app.broker()
    // Of a paused queue nothing can be taken.
    const depths = await broker.depths(limits.queues.open(queues), { dueByMs: this.#app.clock.now() })
    return [...depths.values()].some(({ ready, due = 0 }) => ready + due > 0)
  }
}
