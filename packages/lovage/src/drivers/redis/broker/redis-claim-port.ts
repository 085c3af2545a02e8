import type { ConsumeOptions } from '../../../broker/index.js'
import type { Unsubscribe } from '../../../kernel/index.js'
import type {
  ClaimListener,
  ClaimPort,
  ClaimReply,
  ClaimRequest,
  HeldList,
  OpenSettlement,
  Settled,
  Swept,
} from '../../shared/index.js'
import { isConnectionLoss, type RedisConnection, type RedisSubscriber } from '../client/index.js'
import { readClaim } from './claim-reply.js'
import { FlushTurn } from './flush-turn.js'
import { HELD_REMARK, type RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'
import { RedisSettler } from './redis-settler.js'
import { CLAIM, SETTLE, settleKeys } from './scripts.js'
import type { Results } from './settlement.js'
import { Sweeper } from './sweeper.js'
import { Waiters } from './waiters.js'

const MAX_HAND_BACK = 500
const LONGEST_PAUSE_MS = 1_000

/** State that a consumer shares with its broker. */
export interface RedisClaimParts {
  readonly keys: RedisKeys
  readonly routing: RedisRouting
  readonly subscriber: RedisSubscriber
  /** The target of results stored with the ack, when they are in the same database. */
  readonly writer: Results | undefined
}

const MOST_CLAIMED = 1_000
/** A larger reply keeps the worker reading while it could run what has come. */
const MOST_CHARS = 4 * 1024 * 1024
/** The reply of a claim that finds nothing. */
const NO_MESSAGES = 3

interface QueueWords {
  readonly lists: readonly string[]
  readonly suffixes: readonly string[]
}

/** A consumer's claims on Redis; settlements and the next claim are sent together. */
export class RedisClaimPort implements ClaimPort {
  readonly settlesResults: boolean
  readonly isPipelined = true
  readonly asksLate = false
  readonly watchesConnection = true
  readonly sweepMs: number
  readonly wait: Waiters
  readonly #connection: RedisConnection
  readonly #options: ConsumeOptions
  readonly #parts: RedisClaimParts
  readonly #settler: RedisSettler
  readonly #sweeper: Sweeper
  readonly #release: Unsubscribe
  readonly #turn = new FlushTurn((send) => {
    this.#connection.together(() => {
      this.#settler.flush()
      send()
    })
  })
  #usualChars = 1
  readonly #words = new WeakMap<readonly string[], QueueWords>()

  constructor(connection: RedisConnection, options: ConsumeOptions, parts: RedisClaimParts) {
    const { keys, routing, writer } = parts
    const { clock, holder, leaseMs, visibilityTimeoutMs, onError } = options
    this.#connection = connection
    this.#options = options
    this.#parts = parts
    this.settlesResults = writer !== undefined
    this.sweepMs = Math.min(LONGEST_PAUSE_MS, leaseMs / 5)
    this.#release = connection.hold()
    this.wait = new Waiters(
      () => connection.target,
      clock,
      (queue) => keys.list(queue, 0),
      onError,
    )
    this.#settler = new RedisSettler({
      connection,
      keys,
      routing,
      holder,
      writer,
      onPending: () => this.#turn.soon(),
      onRefused: onError,
    })
    this.#sweeper = new Sweeper({
      connection,
      keys,
      routing,
      clock,
      holder,
      leaseMs,
      visibilityTimeoutMs,
      onError,
      lists: () => this.#wordsOf(this.wait.queues).lists,
    })
  }

  /** The script blocks the server while it runs, and a reply is read as one. */
  get mostClaimed(): number {
    return Math.max(1, Math.min(MOST_CLAIMED, Math.floor(MOST_CHARS / this.#usualChars)))
  }

  get isReady(): boolean {
    return this.#connection.isReady
  }

  /** A message keeps its tag on the server across claims. */
  readonly tagOf = (key: string, number: number): string => `${number}/${key}`

  turn(send: () => void): void {
    this.#turn.soon(send)
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    const { keys } = this.#parts
    const { queues, want, isBacklog, isProbe } = ask()
    const { lists, suffixes } = this.#wordsOf(queues)
    const { holder, leaseMs } = this.#options
    const { unackedIndex, unacked, holders, unparsed, redeliveries } = keys
    const claimed = CLAIM.run(
      this.#connection,
      [unackedIndex, unacked, keys.held(holder), holders, unparsed, redeliveries, ...lists],
      [holder, leaseMs, want, HELD_REMARK, keys.steps.length, ...suffixes],
    )
    // A revoke that was sent before its task comes by the other connection: it is heard before the task can start.
    const heard = isBacklog || isProbe ? undefined : this.#parts.subscriber.caughtUp()
    const reply = await claimed
    await heard
    // Asking after the claim takes longer, but costs nothing where there is no message.
    if (isProbe && reply.length > NO_MESSAGES) await this.#parts.subscriber.caughtUp()
    this.#measure(reply)
    const queueOf = (list: number): string => queues[Math.floor(list / keys.steps.length)] ?? ''
    return { messages: readClaim(reply, queueOf, this.#options.onError) }
  }

  /** Follows the size of messages, larger ones at once. */
  #measure(reply: readonly string[]): void {
    const count = reply.length - NO_MESSAGES
    if (count === 0) return
    let chars = 0
    for (let at = NO_MESSAGES; at < reply.length; at++) chars += reply[at]?.length ?? 0
    this.#usualChars = Math.max(chars / count, 0.75 * this.#usualChars)
  }

  /** The words of a claim that depend on its queues alone. */
  #wordsOf(queues: readonly string[]): QueueWords {
    const { keys } = this.#parts
    let words = this.#words.get(queues)
    if (!words) {
      words = {
        lists: queues.flatMap((queue) => keys.lists(queue)),
        suffixes: queues.map((queue) => `,"",${JSON.stringify(queue)}]`),
      }
      this.#words.set(queues, words)
    }
    return words
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return this.#settler.settle(settlements)
  }

  async held(): Promise<HeldList> {
    const listed = await this.#connection.command<string[]>(
      'hkeys',
      this.#parts.keys.held(this.#options.holder),
    )
    return { keys: listed.filter((tag) => tag !== '') }
  }

  async giveBack(wireTags: readonly string[]): Promise<void> {
    const { keys } = this.#parts
    for (let at = 0; at < wireTags.length; at += MAX_HAND_BACK) {
      const words = wireTags.slice(at, at + MAX_HAND_BACK).flatMap((tag) => [tag, 'requeue', 0, 0, 0, ''])
      await SETTLE.run(this.#connection, settleKeys(keys, this.#options.holder), words)
    }
  }

  async sweep(): Promise<Swept> {
    try {
      return await this.#sweeper.sweep()
    } finally {
      // Settlements that a full server refused are retried.
      this.#settler.flush()
    }
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    const expired = holders.flatMap((holder) => [0, holder])
    await this.#connection.command('zadd', this.#parts.keys.holders, 'XX', ...expired)
    this.#sweeper.restoreNext()
  }

  drop(): void {
    this.#connection.drop()
    this.wait.drop()
    this.#parts.subscriber.drop()
  }

  async listen(listener: ClaimListener): Promise<readonly Unsubscribe[]> {
    const ring = (queue: string): void => {
      // An empty name means that any queue may have new messages.
      if (queue === '') listener.due(0)
      listener.rung(queue === '' ? undefined : [queue])
    }
    return [
      await this.#parts.subscriber.subscribe([this.#parts.keys.doorbell], ring),
      this.#connection.listen({
        onReady: () => listener.up(),
        onDown: (error) => listener.down(error),
      }),
      () => this.wait.close(),
    ]
  }

  resume(): Promise<void> {
    return this.#parts.routing.declareAgain()
  }

  async drain(): Promise<void> {
    this.#settler.flush()
    if (this.#connection.isReady) await this.#settler.idle()
  }

  async leave(isEmpty: boolean): Promise<void> {
    const { keys } = this.#parts
    const { holder } = this.#options
    this.#settler.abandon()
    try {
      if (!this.#connection.isReady) return
      if (isEmpty) {
        await this.#connection.command('zrem', keys.holders, holder)
        await this.#connection.command('del', keys.held(holder))
      } else await this.#connection.command('zadd', keys.holders, 'XX', 0, holder)
    } finally {
      this.#release()
      this.#connection.close()
    }
  }

  isOutage(error: unknown): boolean {
    return isConnectionLoss(error) || this.#connection.isClosed
  }
}
