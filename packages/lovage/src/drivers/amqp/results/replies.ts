import type { Logger } from '../../../kernel/index.js'
import { READY_STATES, type TaskResult } from '../../../result/index.js'

/** Results without a waiting caller are kept up to this many. */
const MAX_KEPT = 10_000

/** The last reported state of each task, oldest task first. */
export class Replies {
  readonly #results = new Map<string, TaskResult>()
  readonly #logger: Logger
  readonly #isWatched: (id: string) => boolean
  #hasWarned = false

  /** @param isWatched Whether a caller waits for a result: it is kept. */
  constructor(logger: Logger, isWatched: (id: string) => boolean) {
    this.#logger = logger
    this.#isWatched = isWatched
  }

  get(id: string): TaskResult | undefined {
    return this.#results.get(id)
  }

  /** Records a state; a SUCCESS stays, and a finished task does not start again. */
  add(result: TaskResult): void {
    const before = this.#results.get(result.id)?.state
    if (before === 'SUCCESS') return
    if (before !== undefined && READY_STATES.has(before) && !READY_STATES.has(result.state)) return
    this.#results.set(result.id, result)
    if (this.#results.size > MAX_KEPT) this.#drop()
  }

  delete(id: string): void {
    this.#results.delete(id)
  }

  #drop(): void {
    for (const id of this.#results.keys()) {
      if (this.#isWatched(id)) continue
      this.#results.delete(id)
      break
    }
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#logger.warn(
      { kept: MAX_KEPT },
      'results arrive that no caller asks for, and the oldest are dropped: set ignoreResult on tasks whose results are not needed',
    )
  }
}
