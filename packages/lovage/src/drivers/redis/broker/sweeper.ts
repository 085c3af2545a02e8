import { type Clock, crashPoint } from '../../../kernel/index.js'
import type { RedisConnection } from '../client/index.js'
import { noList } from './claim-reply.js'
import { restoreForeign } from './foreign.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { PROMOTE, RESTORE_LEASE } from './scripts.js'

const DECLARE_PAUSE_MS = 10_000
const FOREIGN_PAUSE_MS = 10_000
const PROMOTE_AT_ONCE = 500
const RESTORE_AT_ONCE = 500

/** Dependencies of a sweeper. */
export interface SweeperOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly routing: RedisRouting
  readonly clock: Clock
  readonly holder: string
  readonly leaseMs: number
  readonly visibilityTimeoutMs: number
  readonly onError: (error: unknown) => void
}

/**
 * Sweeps for all consumers: moves due messages into their lists, and returns the claims of silent holders.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  #leasesMs = 0
  #foreignMs = 0
  #declaredMs = 0

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Resolves to the time until the next delayed message is due; undefined when there is none. */
  async sweep(): Promise<number | undefined> {
    const dueInMs = await this.#promote()
    await this.#restore()
    await this.#declare()
    return dueInMs
  }

  /** The next sweep looks for expired leases, however recent the last look was. */
  restoreNext(): void {
    this.#leasesMs = 0
  }

  async #promote(): Promise<number | undefined> {
    const { connection, keys } = this.#options
    const { delayed, doorbell, timesPrefix, messagesPrefix, prefix, separator } = keys
    for (;;) {
      const [moved, nextMs, wrongQueue] = await PROMOTE.run(
        connection,
        [delayed, doorbell],
        [timesPrefix, messagesPrefix, prefix, separator, PROMOTE_AT_ONCE],
      )
      if (moved > 0) crashPoint('promote:after')
      if (typeof wrongQueue === 'string') this.#options.onError(noList(wrongQueue))
      if (nextMs !== 0) return nextMs < 0 ? undefined : nextMs
    }
  }

  /** Keeps bindings through a FLUSHALL: most are missed at the next sweep, all after ten seconds. */
  async #declare(): Promise<void> {
    const { clock, routing } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#declaredMs < DECLARE_PAUSE_MS) return routing.declareLost()
    this.#declaredMs = nowMs
    await routing.declareAgain()
  }

  async #restore(): Promise<void> {
    const { connection, keys, routing, clock, holder, leaseMs, visibilityTimeoutMs } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#leasesMs >= leaseMs / 5) {
      this.#leasesMs = nowMs
      const { holders, unackedIndex, unacked, unparsed, redeliveries, doorbell, heldPrefix } = keys
      for (let restored = 0; restored >= 0; ) {
        let wrongList: string | undefined
        ;[restored, , wrongList] = await RESTORE_LEASE.run(
          connection,
          [holders, unackedIndex, unacked, unparsed, redeliveries, doorbell],
          [holder, heldPrefix, RESTORE_AT_ONCE],
        )
        if (restored > 0) crashPoint('restore:after')
        if (typeof wrongList === 'string') this.#options.onError(noList(wrongList))
      }
    }
    if (nowMs - this.#foreignMs >= Math.min(FOREIGN_PAUSE_MS, visibilityTimeoutMs / 5)) {
      this.#foreignMs = nowMs
      if ((await restoreForeign(connection, keys, routing, visibilityTimeoutMs)) > 0)
        crashPoint('restore:after')
    }
  }
}
