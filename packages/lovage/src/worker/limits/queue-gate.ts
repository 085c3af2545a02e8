import { PAUSED } from '../../app/fleet/index.js'
import type { TurnRequest } from '../../coordination/index.js'
import { intervalOf, messageOf, type Timer } from '../../kernel/index.js'
import type { LimitStores } from './limit-stores.js'

/** Decides which queues may be claimed from: not those that an operator has paused, nor those whose own rate is exhausted. */
export class QueueGate {
  readonly #stores: LimitStores
  readonly #rateOf: (queue: string) => string | number | null | undefined
  #paused: ReadonlySet<string> = new Set()
  readonly #timers = new Map<string, Timer>()
  #unwatch: (() => void) | undefined
  #onChange: () => void = () => {}

  /** @param rateOf The rate of a queue, as declared. */
  constructor(stores: LimitStores, rateOf: (queue: string) => string | number | null | undefined) {
    this.#stores = stores
    this.#rateOf = rateOf
  }

  /** Reads which queues are paused, and follows changes; `onChange` is called when the set of open queues changes. */
  async start(onChange: () => void): Promise<void> {
    this.#onChange = onChange
    const { cluster, logger } = this.#stores
    const look = async (): Promise<void> => {
      this.#paused = new Set((await cluster.list(PAUSED)).map(({ key }) => key))
    }
    this.#unwatch = cluster.watch(PAUSED, () => {
      look().then(onChange, (error: unknown) =>
        logger.warn({ err: error }, `Cannot read which queues are paused: ${messageOf(error)}`),
      )
    })
    await look()
  }
  stop(): void {
    this.#unwatch?.()
    for (const timer of this.#timers.values()) timer.cancel()
  }

  /** Those of `queues` that may be claimed from now. */
  open(queues: readonly string[]): readonly string[] {
    return queues.filter((queue) => !this.#paused.has(queue) && !this.#timers.has(queue))
  }

  /** Whether a queue has a rate of its own. */
  limits(queue: string): boolean {
    return intervalOf(this.#rateOf(queue)) !== undefined
  }

  /** Whether a queue waits for the next turn of its rate. */
  isClosed(queue: string): boolean {
    return this.#timers.has(queue)
  }

  /** The turns that a run of a message from this queue takes. */
  turnOf(queue: string): readonly TurnRequest[] {
    const intervalMs = intervalOf(this.#rateOf(queue))
    return intervalMs === undefined ? [] : [{ key: `queue:${queue}`, intervalMs }]
  }

  /** Closes a queue for a while. */
  close(queue: string, forMs: number): void {
    if (this.#timers.has(queue)) return
    this.#timers.set(
      queue,
      this.#stores.clock.setTimer(() => {
        this.#timers.delete(queue)
        this.#onChange()
      }, forMs),
    )
    this.#onChange()
  }
}
