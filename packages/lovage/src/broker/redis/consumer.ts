import { crashPoint, type Timer, type Unsubscribe } from '../../kernel/index.js'
import { isConnectionLoss, type RedisConnection, type RedisSubscriber } from '../../redis-client/index.js'
import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../broker.js'
import { type ClaimedMessage, readClaim } from './claim-reply.js'
import { Claims, claimTag } from './claims.js'
import type { RedisKeys } from './keys.js'
import type { LeaseKeeper } from './lease-keeper.js'
import type { Routing } from './routing.js'
import { CLAIM, SETTLE, settleKeys } from './scripts.js'
import type { Results } from './settlement.js'
import { Settler } from './settler.js'
import { Sweeper } from './sweeper.js'
import { Waiters } from './waiters.js'

/** One claim takes at most this many: the script runs alone on the server. */
const MAX_CLAIM = 1_000
/** From this many on, a batch is delivered in two parts, so that the server works while the first runs. */
const MIN_SPLIT = 16
/** How long the event loop may stand still before its tasks go to others, when the worker says nothing. */
const MAX_BLOCK_MS = 600_000
const MAX_RECONCILE_MS = 10_000
const MAX_HAND_BACK = 500

/** What a consumer shares with its broker. */
export interface ConsumerParts {
  readonly keys: RedisKeys
  readonly routing: Routing
  readonly keeper: LeaseKeeper
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
  readonly #waiters: Waiters
  readonly #sweeper: Sweeper
  readonly #release: Unsubscribe
  readonly #endings: Unsubscribe[] = []
  #queues: readonly string[] = []
  #lists: readonly string[] = []
  #suffixes: readonly string[] = []
  #state: 'starting' | 'running' | 'paused' | 'closed' = 'starting'
  /** Claims that wait for their reply, or for the rest of it to be delivered. */
  readonly #underWay = new Set<Promise<void>>()
  /** Listed for us at the last reconciliation, and unknown here. */
  #unknown: ReadonlySet<string> = new Set()
  /** Messages asked for and not yet delivered. */
  #asked = 0
  #claimNumber = 0
  /** Counts reasons to look: a claim that was sent before the last of them says nothing about it. */
  #wakes = 0
  /** Nothing was there, and the waiters will tell of the next. */
  #isIdle = false
  #isFlushDue = false
  #reconcileTimer: Timer | undefined

  /** Connects, takes the lease and begins; rejects when the server cannot be reached. */
  static async start(
    connection: RedisConnection,
    options: ConsumeOptions,
    parts: ConsumerParts,
  ): Promise<RedisConsumer> {
    const { holder, leaseMs, visibilityTimeoutMs } = options
    try {
      await connection.command('ping')
      const renewMs = Math.min(leaseMs, visibilityTimeoutMs) / 3
      await parts.keeper.keep({ holder, leaseMs, renewMs, maxBlockMs: options.maxBlockMs ?? MAX_BLOCK_MS })
      const consumer = new RedisConsumer(connection, options, parts)
      await consumer.#begin()
      return consumer
    } catch (error) {
      connection.close()
      parts.keeper.release(holder)
      throw error
    }
  }

  private constructor(connection: RedisConnection, options: ConsumeOptions, parts: ConsumerParts) {
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
    })
    this.#waiters = new Waiters(connection.target, clock, { wake: () => this.#wake(), error: onError })
    this.#sweeper = new Sweeper({
      connection,
      keys,
      routing,
      clock,
      holder,
      leaseMs,
      visibilityTimeoutMs,
      onTurn: () => this.#wake(),
      onError,
    })
  }

  settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    for (const one of settlements) if (one.kind === 'postpone') this.#sweeper.expect(one.untilMs)
    return this.#settler.settle(settlements)
  }

  demand(): void {
    if (!this.#isIdle) this.#pump()
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    const { keys } = this.#parts
    this.#queues = [...queues]
    this.#lists = queues.flatMap((queue) => keys.lists(queue))
    this.#suffixes = queues.flatMap((queue) => keys.lists(queue).map(() => `,"",${JSON.stringify(queue)}]`))
    this.#waiters.setLists(queues.map((queue) => keys.list(queue, 0)))
    await this.#claimsDone()
    this.#wake()
  }

  async pause(): Promise<void> {
    if (this.#state !== 'closed') this.#state = 'paused'
    this.#waiters.disarm()
    await this.#claimsDone()
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.pause()
    this.#state = 'closed'
    this.#waiters.close()
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
    await this.setQueues(this.#options.queues)
    const { doorbell } = this.#parts.keys
    this.#endings.push(
      await this.#parts.subscriber.subscribe([doorbell], (queue) => this.#rung(queue)),
      this.#connection.listen({
        onReady: () => void this.#resume(),
        onDown: (error) => this.#options.onError(error),
      }),
    )
    this.#reconcileLater()
    // Whoever consumes has the consumer in hands before its first delivery.
    setImmediate(() => {
      if (this.#state === 'starting') this.#state = 'running'
      this.#wake()
    })
  }

  /** After a connection was made, the first time or again. */
  async #resume(): Promise<void> {
    try {
      await this.#parts.routing.declareAgain()
      await this.#reconcile()
      await this.#reconcile()
      this.#sweeper.soon()
      this.#flush()
    } catch (error) {
      this.#complain(error)
    }
  }

  /** The doorbell: an empty name means that anything may have come. */
  #rung(queue: string): void {
    if (queue === '') this.#sweeper.soon()
    if (queue === '' || this.#queues.includes(queue)) this.#wake()
  }

  #wake(): void {
    this.#wakes++
    this.#isIdle = false
    this.#pump()
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
      if (!this.#isIdle) this.#pump()
    })
  }

  #pump(): void {
    if (this.#state !== 'running' || !this.#connection.isReady || this.#lists.length === 0) return
    const want = Math.min(this.#options.free() - this.#asked, MAX_CLAIM)
    if (want <= 0) return
    const claim = this.#claim(want).finally(() => this.#underWay.delete(claim))
    this.#underWay.add(claim)
  }

  async #claim(want: number): Promise<void> {
    const { keys } = this.#parts
    const { holder, leaseMs } = this.#options
    const { unackedIndex, unacked, holders, unparsed, redeliveries } = keys
    const wakes = this.#wakes
    const queues = this.#queues
    this.#asked += want
    let deliveries: Delivery[]
    try {
      const reply = await CLAIM.run(
        this.#connection,
        [unackedIndex, unacked, keys.held(holder), holders, unparsed, redeliveries, ...this.#lists],
        [holder, leaseMs, want, ...this.#suffixes],
      )
      deliveries = this.#take(readClaim(reply, (list) => queues[Math.floor(list / keys.steps.length)] ?? ''))
    } catch (error) {
      // What was claimed and not heard of is found by the reconciliation once the connection is back.
      this.#asked -= want
      this.#complain(error)
      return
    }
    this.#asked -= want - deliveries.length
    await this.#deliver(deliveries)
    if (deliveries.length === want || this.#wakes !== wakes) this.#pump()
    else this.#drained()
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

  async #deliver(deliveries: readonly Delivery[]): Promise<void> {
    const isAlone = this.#underWay.size <= 1
    const first = isAlone && deliveries.length >= MIN_SPLIT ? deliveries.length >> 1 : deliveries.length
    this.#handOver(deliveries.slice(0, first))
    if (first === deliveries.length) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#handOver(deliveries.slice(first))
  }

  #handOver(deliveries: readonly Delivery[]): void {
    this.#asked -= deliveries.length
    if (deliveries.length > 0) this.#options.onDeliveries(deliveries)
  }

  /** The lists are empty: wait, if there is room for what may come. */
  #drained(): void {
    if (this.#state !== 'running' || this.#underWay.size > 1) return
    if (this.#options.free() - this.#asked <= 0) return
    this.#isIdle = true
    this.#waiters.arm()
  }

  async #claimsDone(): Promise<void> {
    await Promise.all(this.#underWay)
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
    const before = [...this.#underWay]
    const listed = await this.#connection.command<string[]>('hkeys', keys.held(holder))
    await Promise.all(before)
    const lost = this.#claims.keepListed(new Set(listed), number)
    if (lost.length > 0) onLost(lost)
    const unknown = listed.filter((tag) => !this.#claims.has(tag))
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
      if (this.#claims.size === 0) await this.#connection.command('zrem', holders, holder)
      else await this.#connection.command('zadd', holders, 'XX', 0, holder)
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
