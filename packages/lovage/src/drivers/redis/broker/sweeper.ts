import { type Clock, crashPoint, type Timer } from '../../../kernel/index.js'
import { isConnectionLoss, type RedisConnection } from '../client/index.js'
import { restoreForeign } from './foreign.js'
import type { RedisKeys } from './keys.js'
import type { Routing } from './routing.js'
import { PROMOTE, RESTORE_LEASE } from './scripts.js'

const LONGEST_PAUSE_MS = 1_000
const FOREIGN_PAUSE_MS = 10_000
const PROMOTE_AT_ONCE = 500
const RESTORE_AT_ONCE = 500

/** How a sweeper works. */
export interface SweeperOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly routing: Routing
  readonly clock: Clock
  readonly holder: string
  readonly leaseMs: number
  readonly visibilityTimeoutMs: number
  /** After each turn, and when something was put into lists: what waits may be claimed now. */
  readonly onTurn: () => void
  readonly onError: (error: unknown) => void
}

/**
 * What any consumer's process does for all: moves what is due into its lists, and returns what a silent holder held. At
 * least once a second, and at the moment at which the next delayed message is due.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  #timer: Timer | undefined
  #nextMs = Number.POSITIVE_INFINITY
  #leasesMs = 0
  #foreignMs = 0
  #declaredMs = 0
  #running: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#schedule(0)
  }

  /** Something may have become due: looks now. */
  soon(): void {
    if (this.#running) this.#again = true
    else this.#schedule(0)
  }

  /** A message was put into the delay store. */
  expect(dueMs: number): void {
    const nowMs = this.#options.clock.now()
    if (dueMs < this.#nextMs && !this.#running) this.#schedule(Math.max(0, dueMs - nowMs))
    else if (this.#running) this.#again = true
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  #schedule(pauseMs: number): void {
    if (this.#stopped) return
    this.#timer?.cancel()
    const { clock } = this.#options
    const waitMs = Math.min(pauseMs, LONGEST_PAUSE_MS, this.#options.leaseMs / 5)
    this.#nextMs = clock.now() + waitMs
    this.#timer = clock.setTimer(() => {
      this.#again = false
      this.#running = this.#turn().then((nextMs) => {
        this.#running = undefined
        this.#schedule(this.#again ? 0 : nextMs)
      })
    }, waitMs)
  }

  /** Answers with the pause until the next turn. */
  async #turn(): Promise<number> {
    const { connection, onError, onTurn } = this.#options
    let pauseMs = LONGEST_PAUSE_MS
    // The consumer hears of the outage itself, and asks for a turn when it is over.
    if (!connection.isReady) return pauseMs
    try {
      pauseMs = await this.#promote()
      await this.#restore()
      await this.#declare()
    } catch (error) {
      if (!isConnectionLoss(error) && !connection.isClosed) onError(error)
    }
    if (!this.#stopped) onTurn()
    return pauseMs
  }

  async #promote(): Promise<number> {
    const { connection, keys } = this.#options
    const { delayed, doorbell, timesPrefix, messagesPrefix, prefix, separator } = keys
    for (;;) {
      const [moved, nextMs] = await PROMOTE.run(
        connection,
        [delayed, doorbell],
        [timesPrefix, messagesPrefix, prefix, separator, PROMOTE_AT_ONCE],
      )
      if (moved > 0) crashPoint('promote:after')
      if (nextMs !== 0) return nextMs < 0 ? LONGEST_PAUSE_MS : nextMs
    }
  }

  /** Bindings outlive a FLUSHALL, which no connection notices. */
  async #declare(): Promise<void> {
    const nowMs = this.#options.clock.now()
    if (nowMs - this.#declaredMs < LONGEST_PAUSE_MS) return
    this.#declaredMs = nowMs
    await this.#options.routing.declareAgain()
  }

  async #restore(): Promise<void> {
    const { connection, keys, routing, clock, holder, leaseMs, visibilityTimeoutMs } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#leasesMs >= leaseMs / 5) {
      this.#leasesMs = nowMs
      const { holders, unackedIndex, unacked, unparsed, redeliveries, doorbell, heldPrefix } = keys
      for (let restored = 0; restored >= 0; ) {
        ;[restored] = await RESTORE_LEASE.run(
          connection,
          [holders, unackedIndex, unacked, unparsed, redeliveries, doorbell],
          [holder, heldPrefix, RESTORE_AT_ONCE],
        )
        if (restored > 0) crashPoint('restore:after')
      }
    }
    if (nowMs - this.#foreignMs >= Math.min(FOREIGN_PAUSE_MS, visibilityTimeoutMs / 5)) {
      this.#foreignMs = nowMs
      if ((await restoreForeign(connection, keys, routing, visibilityTimeoutMs)) > 0)
        crashPoint('restore:after')
    }
  }
}
