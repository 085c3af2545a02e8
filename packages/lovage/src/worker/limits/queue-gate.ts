import { intervalOf, PAUSED } from '../../app/fleet/index.js'
import { messageOf, type Timer } from '../../kernel/index.js'
import type { LimitStores } from './limit-stores.js'

/** Says which queues may be claimed from: not those that an operator has paused, nor those whose own rate is spent. */
export class QueueGate {
  readonly #stores: LimitStores
  readonly #rateOf: (queue: string) => string | number | null | undefined
  #paused: ReadonlySet<string> = new Set()
  /** When the turn that was taken for the next message of a queue comes. */
  readonly #turns = new Map<string, number>()
  readonly #timers = new Map<string, Timer>()
  #unwatch: (() => void) | undefined
  #onChange: () => void = () => {}

  /** @param rateOf The rate of a queue, as it is declared. */
  constructor(stores: LimitStores, rateOf: (queue: string) => string | number | null | undefined) {
    this.#stores = stores
    this.#rateOf = rateOf
  }

  /** Reads which queues are paused, and follows their changes; `onChange` is called when other queues are open than before. */
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

  /** Whether a message of a limited queue may be run now; otherwise the queue is closed until it may. */
  async take(queue: string): Promise<boolean> {
    const { cluster, clock } = this.#stores
    const intervalMs = intervalOf(this.#rateOf(queue))
    if (intervalMs === undefined) return true
    if (this.#timers.has(queue)) return false
    let atMs = this.#turns.get(queue)
    if (atMs === undefined)
      [atMs = 0] = await cluster.takeTurns([{ key: `queue:${queue}`, intervalMs, burst: 1 }])
    if (atMs <= clock.now()) {
      this.#turns.delete(queue)
      return true
    }
    this.#turns.set(queue, atMs)
    this.#close(queue, atMs - clock.now())
    return false
  }

  #close(queue: string, forMs: number): void {
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
