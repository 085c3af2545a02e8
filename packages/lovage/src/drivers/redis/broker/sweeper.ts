import { type Clock, crashPoint } from '../../../kernel/index.js'
import type { Swept } from '../../shared/index.js'
import type { RedisLink } from '../client/index.js'
import { noList } from './claim-reply.js'
import { restoreForeign } from './foreign.js'
import { Redeclarer } from './redeclarer.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { PROMOTE, RESTORE_LEASE } from './scripts.js'

const FOREIGN_PAUSE_MS = 10_000
const PROMOTE_AT_ONCE = 500
const RESTORE_AT_ONCE = 500
/** No holder has this name. */
const NOBODY = ''

/** Dependencies of a sweeper. */
export interface SweeperOptions {
  readonly connection: RedisLink
  readonly keys: RedisKeys
  /** Absent: declarations, and the claims of workers without leases, are not in this place. */
  readonly routing?: RedisRouting
  readonly clock: Clock
  readonly holder: string
  readonly leaseMs: number
  readonly visibilityTimeoutMs: number
  readonly onError: (error: unknown) => void
  /** The lists from which this consumer claims. */
  readonly lists: () => readonly string[]
}

/**
 * Sweeps for all consumers: moves due messages into their lists, and returns the claims of silent holders.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  readonly #redeclarer: Redeclarer | undefined
  #leasesMs = 0
  #foreignMs = 0

  constructor(options: SweeperOptions) {
    this.#options = options
    this.#redeclarer = options.routing && new Redeclarer(options.routing, options.clock)
  }

  async sweep(): Promise<Swept> {
    const isAny = await this.#isAny()
    const dueInMs = isAny ? await this.#promote() : undefined
    const restored = await this.#restore()
    await this.#redeclarer?.look()
    return { dueInMs, isEmpty: !isAny && restored === 0 }
  }

  /** Nearly all looks of an idle worker find neither a delayed message nor one that nothing has announced: one command says so. */
  async #isAny(): Promise<boolean> {
    const { connection, keys, lists } = this.#options
    return (await connection.send<number>('exists', [keys.delayed, ...lists()])) > 0
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

  /** Returns what is held under ended leases, for a consumer that leaves: others would find it only at their next look for them. */
  async restoreLeft(): Promise<void> {
    await this.#restoreLeases(NOBODY)
  }

  async #restoreLeases(self: string): Promise<number> {
    const { connection, keys } = this.#options
    const { holders, unackedIndex, unacked, unparsed, redeliveries, doorbell, heldPrefix } = keys
    let sum = 0
    for (let restored = 0; restored >= 0; sum += Math.max(0, restored)) {
      let wrongList: string | undefined
      ;[restored, , wrongList] = await RESTORE_LEASE.run(
        connection,
        [holders, unackedIndex, unacked, unparsed, redeliveries, doorbell],
        [self, heldPrefix, RESTORE_AT_ONCE],
      )
      if (restored > 0) crashPoint('restore:after')
      if (typeof wrongList === 'string') this.#options.onError(noList(wrongList))
    }
    return sum
  }

  /** Returns how many claims were returned. */
  async #restore(): Promise<number> {
    let sum = 0
    const { connection, keys, routing, clock, holder, leaseMs, visibilityTimeoutMs } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#leasesMs >= leaseMs / 5) {
      this.#leasesMs = nowMs
      sum += await this.#restoreLeases(holder)
    }
    if (routing && nowMs - this.#foreignMs >= Math.min(FOREIGN_PAUSE_MS, visibilityTimeoutMs / 5)) {
      this.#foreignMs = nowMs
      const restored = await restoreForeign(connection, keys, routing, visibilityTimeoutMs)
      if (restored > 0) crashPoint('restore:after')
      sum += restored
    }
    return sum
  }
}
