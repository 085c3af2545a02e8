import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../../broker/index.js'
import { crashPoint, type Timer, type Unsubscribe, withoutRepetition } from '../../../kernel/index.js'
import type { LeaseKeeper } from '../../shared/index.js'
import { isConnectionLoss, type RedisConnection, type RedisSubscriber } from '../client/index.js'
import type { ClaimedMessage } from './claim-reply.js'
import { Claims, claimTag } from './claims.js'
import { Fetcher } from './fetcher.js'
import type { RedisKeys } from './keys.js'
import type { Routing } from './routing.js'
import { RENEW, SETTLE, settleKeys } from './scripts.js'
import type { Results } from './settlement.js'
import { Settler } from './settler.js'
import { Sweeper } from './sweeper.js'

/** How long the event loop may stand still before its tasks go to others, when the worker says nothing. */
const MAX_BLOCK_MS = 600_000
const MAX_RECONCILE_MS = 10_000
const MAX_HAND_BACK = 500

/** What a consumer shares with its broker. */
export interface ConsumerParts {
  readonly keys: RedisKeys
  readonly routing: Routing
  readonly keeper: LeaseKeeper<object>
  readonly subscriber: RedisSubscriber
  /** Where results go with the ack, when they lie in the same database. */
  readonly writer: Results | undefined
  readonly onClosed: (consumer: RedisConsumer) => void
}

/**
 * Claims messages in batches and settles them; settlements and the next claim travel together.
 *
 * Promise 1: a message is in its list, or held here and on the server; no step in between loses it.
 * Promise 2: it goes on by itself after any loss of the connection, a restart or FLUSHALL, and tells what it lost.
 */
export class RedisConsumer implements Consumer {
  readonly settlesResults: boolean
  readonly #connection: RedisConnection
  readonly #options: ConsumeOptions
  readonly #parts: ConsumerParts
  readonly #claims = new Claims()
  readonly #settler: Settler
  readonly #fetcher: Fetcher
  readonly #sweeper: Sweeper
  readonly #release: Unsubscribe
  /** Each outage is told, also the second in a minute. */
  readonly #onOutage: (error: unknown) => void
  readonly #endings: Unsubscribe[] = []
  #state: 'starting' | 'running' | 'paused' | 'closed' = 'starting'
  /** Listed for us at the last reconciliation, and unknown here. */
  #unknown: ReadonlySet<string> = new Set()
  #claimNumber = 0
  /** An outage was told, and not yet that it is over. */
  #isDown = false
  #isFlushDue = false
  #reconcileTimer: Timer | undefined

  /** Connects, takes the lease and begins; rejects when the server cannot be reached. */
  static async start(
    connection: RedisConnection,
    given: ConsumeOptions,
    parts: ConsumerParts,
  ): Promise<RedisConsumer> {
    const options = { ...given, onError: withoutRepetition(given.onError, given.clock) }
    const { holder, leaseMs, visibilityTimeoutMs } = options
    try {
      await connection.command('ping')
      const renewMs = Math.min(leaseMs, visibilityTimeoutMs) / 3
      const maxBlockMs = options.maxBlockMs ?? MAX_BLOCK_MS
      const { holders, unackedIndex } = parts.keys
      await parts.keeper.keep(
        { holder, leaseMs, renewMs, maxBlockMs },
        {
          renew: () =>
            RENEW.run(connection, [holders, parts.keys.held(holder), unackedIndex], [holder, leaseMs]),
          onError: options.onError,
          // Told by the connection itself.
          isOutage: (error) => isConnectionLoss(error) || connection.isClosed,
        },
      )
      const consumer = new RedisConsumer(connection, options, parts, given.onError)
      await consumer.#begin()
      return consumer
    } catch (error) {
      connection.close()
      parts.keeper.release(holder)
      throw error
    }
  }

  private constructor(
    connection: RedisConnection,
    options: ConsumeOptions,
    parts: ConsumerParts,
    onOutage: (error: unknown) => void,
  ) {
    this.#onOutage = onOutage
    const { keys, routing, writer } = parts
    const { clock, holder, leaseMs, visibilityTimeoutMs, onError } = options
    this.#connection = connection
    this.#options = options
    this.#parts = parts
    this.settlesResults = writer !== undefined
    this.#release = connection.hold()
    this.#settler = new Settler({
      connection,
      keys,
      routing,
      holder,
      claims: this.#claims,
      writer,
      onPending: () => this.#flushSoon(),
      onRefused: onError,
    })
    this.#fetcher = new Fetcher({
      connection,
      keys,
      consume: options,
      take: (messages) => this.#take(messages),
    })
    this.#sweeper = new Sweeper({
      connection,
      keys,
      routing,
      clock,
      holder,
      leaseMs,
      visibilityTimeoutMs,
      onTurn: () => {
        this.#settler.flush()
        this.#fetcher.wake()
      },
      onError,
    })
  }

  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    for (const one of settlements) if (one.kind === 'postpone') this.#sweeper.expect(one.untilMs)
    return this.#settler.settle(settlements)
  }

  demand(): void {
    this.#flushSoon()
  }

  setQueues(queues: readonly string[]): Promise<void> {
    return this.#fetcher.setQueues(queues)
  }

  async pause(): Promise<void> {
    if (this.#state !== 'closed') this.#state = 'paused'
    await this.#fetcher.stop()
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.pause()
    this.#state = 'closed'
    this.#fetcher.close()
    this.#reconcileTimer?.cancel()
    for (const end of this.#endings) end()
    await this.#sweeper.stop()
    this.#settler.flush()
    if (this.#connection.isReady) await this.#settler.idle()
    this.#settler.abandon()
    this.#parts.keeper.release(this.#options.holder)
    await this.#leave()
    this.#release()
    this.#connection.close()
    this.#parts.onClosed(this)
  }

  async #begin(): Promise<void> {
    await this.#fetcher.setQueues(this.#options.queues)
    const { doorbell } = this.#parts.keys
    this.#endings.push(
      await this.#parts.subscriber.subscribe([doorbell], (queue) => this.#rung(queue)),
      this.#connection.listen({
        onReady: () => void this.#resume(),
        onDown: (error) => {
          this.#isDown = true
          this.#onOutage(error)
        },
      }),
    )
    this.#reconcileLater()
    // Whoever consumes has the consumer in hands before its first delivery.
    setImmediate(() => {
      if (this.#state !== 'starting') return
      this.#state = 'running'
      this.#fetcher.start()
    })
  }

  /** After a connection was made, the first time or again. */
  async #resume(): Promise<void> {
    try {
      await this.#parts.routing.declareAgain()
      await this.#reconcile()
      await this.#reconcile()
      if (this.#isDown) this.#options.onRecovered?.()
      this.#isDown = false
      this.#sweeper.soon()
      this.#flush()
    } catch (error) {
      this.#complain(error)
    }
  }

  /** The doorbell: an empty name means that anything may have come. */
  #rung(queue: string): void {
    if (queue === '') this.#sweeper.soon()
    if (queue === '' || this.#fetcher.queues.includes(queue)) this.#fetcher.wake()
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushDue = false
    this.#connection.together(() => {
      this.#settler.flush()
      this.#fetcher.pump()
    })
  }

  #take(messages: Iterable<ClaimedMessage>): Delivery[] {
    const number = ++this.#claimNumber
    const lost: string[] = []
    const deliveries: Delivery[] = []
    for (const { wireTag, queue, raw, message, redeliveries } of messages) {
      const delivery = { tag: claimTag(wireTag, number), queue, raw, message, redeliveries }
      deliveries.push(delivery)
      const before = this.#claims.add(wireTag, number, delivery)
      if (before !== undefined) lost.push(before)
    }
    if (deliveries.length > 0) crashPoint('claim:after')
    if (lost.length > 0) this.#options.onLost(lost)
    return deliveries
  }

  #reconcileLater(): void {
    const pauseMs = Math.min(this.#options.leaseMs / 3, MAX_RECONCILE_MS)
    this.#reconcileTimer = this.#options.clock.setTimer(() => {
      this.#reconcile()
        .catch((error: unknown) => this.#complain(error))
        .finally(() => {
          if (this.#state !== 'closed') this.#reconcileLater()
        })
    }, pauseMs)
  }

  /**
   * Compares what we hold with what the server says that we hold. What we knew before asking and miss there was lost.
   * What it lists and we do not know, twice in a row, was claimed by a command whose reply was lost: it goes back.
   */
  async #reconcile(): Promise<void> {
    if (!this.#connection.isReady) return
    const { keys } = this.#parts
    const { holder, onLost } = this.#options
    const number = this.#claimNumber
    const answered = this.#fetcher.answered()
    const listed = await this.#connection.command<string[]>('hkeys', keys.held(holder))
    await answered
    const lost = this.#claims.keepListed(new Set(listed), number)
    if (lost.length > 0) onLost(lost)
    const unknown = listed.filter((tag) => tag !== '' && !this.#claims.has(tag))
    const orphans = unknown.filter((tag) => this.#unknown.has(tag))
    this.#unknown = new Set(unknown)
    await this.#handBack(orphans)
  }

  async #handBack(wireTags: readonly string[]): Promise<void> {
    const { keys } = this.#parts
    for (let at = 0; at < wireTags.length; at += MAX_HAND_BACK) {
      const words = wireTags.slice(at, at + MAX_HAND_BACK).flatMap((tag) => [tag, 'requeue', 0, 0, 0, ''])
      await SETTLE.run(this.#connection, settleKeys(keys, this.#options.holder), words)
    }
  }

  /** Lets others have at once what is still held. */
  async #leave(): Promise<void> {
    if (!this.#connection.isReady) return
    const { holders } = this.#parts.keys
    const { holder } = this.#options
    try {
      if (this.#claims.size === 0) {
        await this.#connection.command('zrem', holders, holder)
        await this.#connection.command('del', this.#parts.keys.held(holder))
      } else await this.#connection.command('zadd', holders, 'XX', 0, holder)
    } catch (error) {
      // The lease runs out by itself.
      if (!isConnectionLoss(error)) this.#complain(error)
    }
  }

  #complain(error: unknown): void {
    // An outage is told once, by the connection itself.
    if (this.#state !== 'closed' && !isConnectionLoss(error)) this.#options.onError(error)
  }
}
