import { type Clock, isLovageError, type Logger, messageOf } from '../kernel/index.js'

/** Log lines about the broker: that it is gone, for how long it was, and what it refused. */
export class OutageLog {
  readonly #logger: () => Logger
  readonly #clock: Clock
  #sinceMs: number | undefined

  constructor(logger: () => Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** The consumer has a fault that it is recovering from by itself. */
  readonly failed = (error: unknown): void => {
    const isOutage = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
    if (isOutage) this.#sinceMs ??= this.#clock.now()
    const what = isOutage ? 'the broker connection failed' : 'a broker operation failed'
    this.#logger().error({ err: error }, `${what}; the worker keeps trying: ${messageOf(error)}`)
  }

  /** The connection is back. A warning, so that readers of the outage's warning see it too. */
  readonly recovered = (): void => {
    if (this.#sinceMs === undefined) return
    const seconds = ((this.#clock.now() - this.#sinceMs) / 1000).toFixed(1)
    this.#sinceMs = undefined
    this.#logger().warn({}, `the broker connection is back after ${seconds} s`)
  }
}
