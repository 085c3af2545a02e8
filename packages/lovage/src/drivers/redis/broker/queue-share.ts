import type { ConsumeOptions } from '../../../broker/index.js'
import type { ClaimedMessage, OpenSettlement, Settled } from '../../shared/index.js'
import { readClaim } from './claim-reply.js'
import type { Place } from './places.js'
import { HELD_REMARK } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { RedisSettler } from './redis-settler.js'
import { CHECK_CLAIMS, CLAIM, claimKeys, RENEW, SETTLE, settleKeys } from './scripts.js'
import { Sweeper } from './sweeper.js'

const MAX_HAND_BACK = 500
/** What nothing has announced is found after this long. Publishers ring for what is due sooner. */
export const QUIET_SWEEP_MS = 6_000
/** A reply with so many leaves no doubt that there are more. */
const MANY = 16

/** The share of one queue, in a slot of its own, in a consumer of several. */
export class QueueShare {
  readonly queue: string
  readonly place: Place
  /** How many messages are probably waiting: none after a claim that found fewer than it asked for. */
  expected = 1
  /** Claims that have been unanswered for too long to wait for them. */
  lateClaims = 0
  isSweeping = false
  /** Its lease is kept, and it hears what rings. */
  isOpen = false
  #dueMs: number | undefined
  /** The earliest moment that was told during a sweep. */
  #toldMs = Number.POSITIVE_INFINITY
  /** When the last sweep began. */
  sweptMs = 0
  readonly #options: ConsumeOptions
  /** Of the keys of its claims: the same delivery tag may be in two queues. */
  readonly #prefix: string
  readonly #pauseMs: number
  readonly #settler: RedisSettler
  readonly #sweeper: Sweeper
  readonly #lists: readonly string[]
  readonly #suffix: string

  /** @param number Names it in the keys of its claims. */
  constructor(
    queue: string,
    number: number,
    place: Place,
    options: ConsumeOptions,
    parts: { readonly routing: RedisRouting; readonly onPending: () => void },
  ) {
    const { connection, keys } = place
    this.queue = queue
    this.place = place
    this.#prefix = `${number} `
    this.#pauseMs = Math.min(QUIET_SWEEP_MS, options.leaseMs / 5)
    this.#options = options
    this.#lists = keys.lists(queue)
    this.#suffix = `,"",${JSON.stringify(queue)}]`
    this.#settler = new RedisSettler({
      connection,
      keys,
      routing: parts.routing,
      holder: options.holder,
      writer: undefined,
      tagOf,
      onPending: parts.onPending,
      onRefused: options.onError,
    })
    this.#sweeper = new Sweeper({ connection, keys, ...options, lists: () => this.#lists })
  }

  /** Unix ms at which its first delayed message is due, as far as it is known here. */
  get dueMs(): number | undefined {
    return this.#dueMs
  }

  /** Something is due at this moment. */
  expectAt(dueMs: number): void {
    this.#toldMs = Math.min(this.#toldMs, dueMs)
    this.#dueMs = Math.min(this.#dueMs ?? Number.POSITIVE_INFINITY, dueMs)
  }

  /** Whether something is due, or the last sweep was long ago. */
  isSweepDue(nowMs: number): boolean {
    return (this.#dueMs ?? Number.POSITIVE_INFINITY) <= nowMs || nowMs - this.sweptMs >= this.#pauseMs
  }

  get isReady(): boolean {
    return this.place.connection.isReady
  }

  /** Its node does not answer now. */
  get isStuck(): boolean {
    return this.lateClaims > 0
  }

  /** Whether a claim is worth sending. */
  get isHot(): boolean {
    return this.expected > 0
  }

  renew(): Promise<number> {
    const { connection, keys } = this.place
    const { holder, leaseMs } = this.#options
    return RENEW.run(connection, [keys.holders, keys.held(holder), keys.unackedIndex], [holder, leaseMs])
  }

  async claim(want: number): Promise<readonly ClaimedMessage[]> {
    const { connection, keys } = this.place
    const { holder, leaseMs, onError } = this.#options
    const reply = await CLAIM.run(connection, claimKeys(keys, holder, this.#lists), [
      holder,
      leaseMs,
      want,
      HELD_REMARK,
      keys.steps.length,
      '',
      '',
      0,
      this.#suffix,
    ])
    const messages = [...readClaim(reply, () => this.queue, onError, this.#prefix)]
    this.expected =
      messages.length < want ? 0 : messages.length < MANY ? 2 * messages.length : Number.POSITIVE_INFINITY
    return messages
  }

  /** Whether any message waits; takes none. */
  async look(): Promise<boolean> {
    return (await this.place.connection.send<number>('exists', this.#lists)) > 0
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    for (const { settlement } of settlements) {
      if (settlement.kind === 'postpone') this.expectAt(settlement.untilMs)
      for (const { dueMs } of settlement.publish ?? []) if (dueMs !== undefined) this.expectAt(dueMs)
    }
    return this.#settler.settle(settlements)
  }

  /** Which of these claims are still ours. */
  async ours(settlements: readonly OpenSettlement[]): Promise<readonly boolean[]> {
    const { connection, keys } = this.place
    const refused = await CHECK_CLAIMS.run(
      connection,
      [keys.unackedIndex, keys.held(this.#options.holder)],
      settlements.map(({ claim }) => tagOf(claim.key)),
    )
    return settlements.map((_, at) => !refused.includes(at + 1))
  }

  flush(): void {
    this.#settler.flush()
  }

  idle(): Promise<void> {
    return this.#settler.idle()
  }

  async held(): Promise<readonly string[]> {
    const { connection, keys } = this.place
    const listed = await connection.command<string[]>('hkeys', keys.held(this.#options.holder))
    return listed.filter((tag) => tag !== '').map((tag) => this.#prefix + tag)
  }

  async giveBack(claims: readonly string[]): Promise<void> {
    const { connection, keys } = this.place
    for (let at = 0; at < claims.length; at += MAX_HAND_BACK) {
      const words = claims
        .slice(at, at + MAX_HAND_BACK)
        .flatMap((key) => [tagOf(key), 'requeue', 0, 0, 0, ''])
      await SETTLE.run(connection, settleKeys(keys, this.#options.holder), ['', ...words])
    }
  }

  /** Resolves to whether nothing was there. */
  async sweep(): Promise<boolean> {
    const { clock } = this.#options
    this.isSweeping = true
    this.#toldMs = Number.POSITIVE_INFINITY
    this.sweptMs = clock.now()
    try {
      const { dueInMs = Number.POSITIVE_INFINITY, isEmpty = false } = await this.#sweeper.sweep()
      const dueMs = Math.min(clock.now() + dueInMs, this.#toldMs)
      this.#dueMs = dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs
      return isEmpty
    } finally {
      this.isSweeping = false
    }
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    const expired = holders.flatMap((holder) => [0, holder])
    await this.place.connection.command('zadd', this.place.keys.holders, 'XX', ...expired)
    this.#sweeper.restoreNext()
    this.expectAt(0)
  }

  /** Ends the lease; claims that are still held go to others. */
  async leave(isEmpty: boolean): Promise<void> {
    const { connection, keys } = this.place
    const { holder } = this.#options
    this.#settler.abandon()
    if (!connection.isReady) return
    if (!isEmpty) {
      await connection.command('zadd', keys.holders, 'XX', 0, holder)
      return this.#sweeper.restoreLeft()
    }
    await connection.command('zrem', keys.holders, holder)
    await connection.command('del', keys.held(holder))
  }
}

const tagOf = (key: string): string => key.slice(key.indexOf(' ') + 1)

/** The number of the share that a claim belongs to. */
export const shareOf = (key: string): number => Number(key.slice(0, key.indexOf(' ')))
