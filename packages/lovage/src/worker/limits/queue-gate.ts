import { intervalOf, PAUSED } from '../../app/operating/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import { type Clock, type Logger, messageOf, type Timer } from '../../kernel/index.js'

/** What the gate needs. */
export interface QueueGatePorts {
  readonly cluster: CoordinationStore
  readonly clock: Clock
  readonly logger: Logger
  /** The rate of a queue, as it is declared. */
  readonly rateOf: (queue: string) => string | number | null | undefined
  /** Other queues are open than before. */
  readonly onChange: () => void
}

/** Says which queues may be claimed from: not those that an operator has paused, nor those whose own rate is spent. */
export class QueueGate {
  readonly #ports: QueueGatePorts
  #paused: ReadonlySet<string> = new Set()
  /** When the turn that was taken for the next message of a queue comes. */
  readonly #turns = new Map<string, number>()
  readonly #timers = new Map<string, Timer>()
  #unwatch: (() => void) | undefined

  constructor(ports: QueueGatePorts) {
    this.#ports = ports
  }

  /** Reads which queues are paused, and follows their changes. */
  async start(): Promise<void> {
    const { cluster, logger, onChange } = this.#ports
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
    return intervalOf(this.#ports.rateOf(queue)) !== undefined
  }

  /** Whether a message of a limited queue may be run now; otherwise the queue is closed until it may. */
  async take(queue: string): Promise<boolean> {
    const { cluster, clock, rateOf } = this.#ports
    const intervalMs = intervalOf(rateOf(queue))
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
    const { clock, onChange } = this.#ports
    this.#timers.set(
      queue,
      clock.setTimer(() => {
        this.#timers.delete(queue)
        onChange()
      }, forMs),
    )
    onChange()
  }
}
