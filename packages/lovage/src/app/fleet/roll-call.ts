import { delay } from '../../kernel/index.js'
import { isFields } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { neededQueues } from './known-queues.js'

/** How long nothing has come before the roll is called. */
const QUIET_MS = 250

/**
 * Notices that all nodes of a fleet have replied, where the broker cannot say how many listen but counts the consumers of queues: each
 * node says which queues it consumes (`active_queues`, which Python's workers know too), and a queue with more consumers than that has one
 * that is silent. A node is missed only if it is slower than `QUIET_MS` and consumes none of the queues that the app or the others name.
 */
export class RollCall {
  readonly #core: AppCore
  readonly #onComplete: () => void
  /** The processes that replied to the question itself. */
  readonly #replied = new Set<string>()
  /** The queues that each process consumes. */
  readonly #queuesOf = new Map<string, readonly string[]>()
  #quiet = new AbortController()

  constructor(core: AppCore, onComplete: () => void) {
    this.#core = core
    this.#onComplete = onComplete
  }

  /** Notes that a process has replied. */
  replied(process: string): void {
    this.#replied.add(process)
    this.#callWhenQuiet()
  }

  /** Notes what a process consumes. */
  consumes(process: string, queues: unknown): void {
    if (!Array.isArray(queues)) return
    const names = queues.flatMap((queue) =>
      isFields(queue) && typeof queue.name === 'string' ? [queue.name] : [],
    )
    this.#queuesOf.set(process, names)
    this.#callWhenQuiet()
  }

  end(): void {
    this.#quiet.abort()
  }

  #callWhenQuiet(): void {
    this.end()
    this.#quiet = new AbortController()
    const { signal } = this.#quiet
    const { clock, logger } = this.#core
    delay(clock, QUIET_MS, signal)
      .then(() => this.#isComplete())
      .then((isComplete) => {
        if (isComplete && !signal.aborted) this.#onComplete()
      })
      .catch((error: unknown) => {
        // The question then takes its time, as it would have.
        if (!signal.aborted) logger.debug({ err: error }, 'could not count the consumers of queues')
      })
  }

  async #isComplete(): Promise<boolean> {
    const replied = [...this.#replied]
    if (replied.some((process) => !this.#queuesOf.has(process)) || this.#queuesOf.size > replied.length)
      return false
    const expected = new Map([...neededQueues(this.#core).keys()].map((queue) => [queue, 0]))
    for (const queue of [...this.#queuesOf.values()].flat())
      expected.set(queue, (expected.get(queue) ?? 0) + 1)
    const depths = await (await this.#core.broker()).depths([...expected.keys()])
    return [...expected].every(([queue, count]) => {
      const consumers = depths.get(queue)?.consumers
      return consumers !== undefined && consumers <= count
    })
  }
}
