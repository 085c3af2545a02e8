import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../../broker/index.js'
import { isRejection } from '../../../dead-letter/index.js'
import {
  type ConnectionError,
  crashPoint,
  FleetingMap,
  holdProcess,
  isLovageError,
  systemClock,
  type Timer,
} from '../../../kernel/index.js'
import { type ConsumerState, persist, QueueTurns } from '../../shared/index.js'
import { type AmqpDelivery, isConnectionLoss, Patience, STABLE_MS } from '../client/index.js'
import { Claim, Redelivered } from './claim.js'
import { type ConsumerParts, limitKindOf } from './consumer-parts.js'
import { OpenQueues } from './open-queues.js'
import { ORPHANS } from './orphans.js'
import { Source, type SourceListener } from './source.js'
import { forDetour, toWire } from './wire-message.js'

/** How long after a reconnection a claim waits for its message to come back here. */
const ADOPTION_MS = 15_000
/** The same after a silent outage: the server requeues the messages of an unreachable client only after two heartbeats. */
const ADOPTION_AFTER_SILENCE_MS = 300_000
const LOOK_AGAIN_MS = 250
const PUT_ASIDE_MS = 1_000
const MOST_ORPHANS = 10
const MOST_GIVEN_BACK = 10

let claims = 0

/**
 * Takes as many messages as there are free slots, and settles them: follow-up messages are published and confirmed first, the message
 * is acknowledged after.
 *
 * Promise 1: a crash anywhere repeats work and loses nothing: the server keeps a message until its ack.
 * Promise 2: it recovers by itself from any loss of the connection. Running tasks continue meanwhile; if a message comes back to
 * this consumer, it rejoins the same claim and is not run twice; otherwise `onLost` reports that it belongs to another consumer.
 * Promise 3: a long-running task is left alone on its channel (it is parked), so that the server's `consumer_timeout` costs the claim
 * of that task and of no other.
 */
export class AmqpConsumer implements Consumer, SourceListener {
  readonly settlesResults = false
  readonly #parts: ConsumerParts
  readonly #options: ConsumeOptions
  readonly #release = holdProcess()
  /** Delivered and unsettled claims, by tag. */
  readonly #claims = new FleetingMap<Claim>()
  readonly #redelivered = new Redelivered()
  readonly #opening: OpenQueues
  /** Channels whose consumers have ended and whose tasks still run. */
  readonly #parked = new Set<Source>()
  readonly #timer: NodeJS.Timeout
  readonly #queues: QueueTurns<string>
  #source: Source | undefined
  /** The source of orphaned messages. */
  #orphans: Source | undefined
  /** Received, but not yet handed over. */
  #waiting: Claim[] = []
  #state: ConsumerState = 'consuming'
  #adjusting: Promise<void> | undefined
  #mustAdjust = false
  #isScheduled = false
  #isDown = false
  #hasNoOrphans = false
  readonly #patience = new Patience()
  /** How long a claim whose channel has ended waits for its message, counted from the next connection. */
  #adoptionMs = ADOPTION_MS
  /** How often a consuming channel has ended. */
  #losses = 0
  #lookAgain: { readonly timer: Timer; readonly dueMs: number } | undefined

  constructor(options: ConsumeOptions, parts: ConsumerParts) {
    this.#options = options
    this.#parts = parts
    this.#queues = new QueueTurns(options)
    this.#queues.set(options.queues)
    this.#opening = new OpenQueues(parts.topology, options.queueOrder, (queue, error) =>
      options.logger.error(
        { err: error, queue },
        `cannot consume from ${queue}; retrying. Other queues are not affected`,
      ),
    )
    this.#timer = setInterval(() => this.#park(), Math.min(60_000, parts.options.consumerTimeoutMs / 12))
    this.#timer.unref()
  }

  /** Starts consuming if the server can be reached; otherwise keeps trying. */
  async start(): Promise<void> {
    await this.#adjust()
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const refused: string[] = []
    const waiting: Promise<void>[] = []
    for (const settlement of settlements) {
      const { tag, kind, publish = [] } = settlement
      const claim = this.#claims.get(tag)
      if (!claim || claim.isSettling) refused.push(tag)
      else if (kind === 'ack' && publish.length === 0 && claim.source) this.#end(claim, settlement.rejected)
      else
        waiting.push(this.#settle(claim, settlement).then((wasOurs) => void (wasOurs || refused.push(tag))))
    }
    this.demand()
    if (waiting.length > 0) await Promise.all(waiting)
    return refused
  }

  demand(): void {
    if (this.#isScheduled || this.#state === 'closed') return
    this.#isScheduled = true
    // Everything that this turn delivers or settles is handled together.
    setImmediate(() => {
      this.#isScheduled = false
      this.#handOver()
      void this.#adjust()
    })
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues.set(queues)
    await this.#adjust()
  }

  async pause(): Promise<void> {
    if (this.#state !== 'consuming') return
    this.#state = 'paused'
    await this.#adjust()
    // No new channel is opened on which they could come back.
    this.#lost(this.#redelivered.giveUp())
    // Never started: they go back as they came, uncounted.
    const waiting = this.#waiting.splice(0)
    await Promise.all(waiting.map((claim) => this.#return(claim, claim.redeliveries)))
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.pause()
    this.#state = 'closed'
    clearInterval(this.#timer)
    this.#release()
    const sources = [...this.#parked, this.#source, this.#orphans].filter((source) => source !== undefined)
    this.#claims.clear()
    await Promise.all(sources.map((source) => source.close().catch(() => {})))
    this.#parts.onClosed()
  }

  onDelivery(source: Source, queue: string, delivery: AmqpDelivery): void {
    const claim = new Claim(++claims, queue, delivery, source)
    const known = this.#redelivered.adopt(claim)
    if (known === 'settled') return source.ack(delivery.tag)
    if (known)
      return this.#options.logger.info(
        { tag: known.tag },
        'a running message was redelivered to its own worker',
      )
    this.#waiting.push(claim)
    this.demand()
  }

  onCancelled(): void {
    this.#parts.topology.forget()
    this.demand()
  }

  onClosed(source: Source, error: ConnectionError): void {
    this.#parked.delete(source)
    if (this.#source === source) {
      this.#source = undefined
      this.#losses++
      this.#adoptionMs = isSilence(error) ? ADOPTION_AFTER_SILENCE_MS : ADOPTION_MS
      this.#patience.failed()
    }
    if (this.#orphans === source) this.#orphans = undefined
    if (this.#state === 'closed') return
    this.#waiting = this.#waiting.filter((claim) => claim.source !== source)
    const cut = this.#claims.values().filter((claim) => claim.source === source)
    for (const claim of cut) claim.source = undefined
    this.#lost(cut.filter((claim) => !this.#redelivered.expect(claim)))
    if (this.#state === 'paused') this.#lost(this.#redelivered.giveUp())
    if (isTimeout(error))
      this.#options.logger.warn(
        { err: error },
        'RabbitMQ closed a channel because a task ran for longer than its consumer_timeout: the task continues, and may run a second time; raise consumer_timeout above the longest time limit',
      )
    this.#failed(error)
    this.demand()
  }

  /** Whether the claim was still ours. */
  async #settle(claim: Claim, settlement: Settlement): Promise<boolean> {
    claim.isSettling = true
    try {
      return await this.#carryOut(claim, settlement)
    } finally {
      claim.isSettling = false
      this.demand()
    }
  }

  async #carryOut(claim: Claim, settlement: Settlement): Promise<boolean> {
    if (!(await this.#isOurs(claim))) {
      this.#claims.delete(claim.tag)
      return false
    }
    const { kind, publish = [] } = settlement
    if (kind === 'postpone') crashPoint('postpone:before')
    if (publish.length > 0 && !(await this.#persist(() => this.#parts.publisher.publish(publish))))
      return false
    if (kind === 'requeue') return this.#requeue(claim, settlement.counts)
    if (
      kind === 'dead-letter' &&
      !(await this.#persist(() => this.#parts.deadLetters.add([settlement.letter])))
    )
      return false
    if (kind === 'postpone' && !(await this.#persist(() => this.#postpone(claim, settlement.untilMs))))
      return false
    const isRejected =
      settlement.kind === 'dead-letter'
        ? isRejection(settlement.letter)
        : kind === 'ack' && settlement.rejected
    return this.#end(claim, isRejected)
  }

  async #requeue(claim: Claim, counts: boolean): Promise<boolean> {
    // A quorum queue drops a message that is returned too often (20 times, from RabbitMQ 4 on): a fresh copy starts at zero.
    const isWorn = claim.deliveries >= MOST_GIVEN_BACK
    if (counts || isWorn || this.#state !== 'consuming')
      return this.#return(claim, claim.redeliveries + (counts ? 1 : 0))
    const { source, number } = claim
    if (source) {
      this.#claims.delete(claim.tag)
      this.#redelivered.uncount(claim)
      source.giveBack(number)
    }
    return true
  }

  /** Requeues it at the end of its queue, with its known counts. */
  async #return(claim: Claim, redeliveries: number): Promise<boolean> {
    const { message, queue, isOrphan } = claim
    if (isLovageError(message) || isOrphan) {
      claim.source?.giveBack(claim.number)
      this.#claims.delete(claim.tag)
      return true
    }
    const isPlain = redeliveries === 0 && message.exchange === '' && message.routingKey === queue
    const copy = isPlain ? toWire(message) : forDetour(message, { redeliveries })
    return (await this.#persist(() => this.#parts.publisher.toQueue(queue, copy))) && this.#end(claim)
  }

  /**
   * Delays a message for a second with one more loss in its count. If it were available again at once, it could crash this process before
   * the acknowledgement of its predecessor is sent, and each such crash would turn one message into two.
   */
  async #count(claim: Claim): Promise<void> {
    const { message, redeliveries } = claim
    if (isLovageError(message)) return
    const copy = forDetour(message, { redeliveries: redeliveries + 1, delayedFor: claim.queue })
    try {
      const later = () => this.#parts.publisher.toQueueLater(claim.queue, PUT_ASIDE_MS, copy)
      if (await this.#persist(later)) this.#end(claim)
    } catch (error) {
      // It was not acknowledged: the server still has it, and delivers it to the next consumer.
      this.#options.logger.debug({ err: error }, 'could not count a redelivery')
    }
  }

  async #postpone({ queue, message, redeliveries }: Claim, untilMs: number): Promise<void> {
    if (isLovageError(message)) return
    const copy = forDetour(message, { redeliveries, delayedFor: queue })
    await this.#parts.publisher.toQueueLater(queue, untilMs - Date.now(), copy)
  }

  /**
   * Acknowledges, or rejects to the queue's dead-letter target. A claim lost meanwhile has taken effect: should its message return,
   * it is not run again.
   */
  #end(claim: Claim, isRejected = false): true {
    this.#claims.delete(claim.tag)
    const { source, number, queue, isOrphan } = claim
    if (!source) this.#redelivered.settled(claim)
    else if (isRejected && !isOrphan && this.#parts.topology.keepsRejected(queue)) source.drop(number)
    else source.ack(number)
    return true
  }

  /** Waits until a claim whose channel has ended is found again, or given up. */
  async #isOurs(claim: Claim): Promise<boolean> {
    return claim.source !== undefined || this.#redelivered.returned(claim)
  }

  #persist(work: () => Promise<void>): Promise<boolean> {
    return persist(work, () => this.#state, this.#options.logger)
  }

  /** Hands waiting messages to demand, by the order of queues. */
  #handOver(): void {
    if (this.#state !== 'consuming' || this.#waiting.length === 0) return
    const rank = new Map(this.#queues.now.map((queue, index) => [queue, index]))
    if (rank.size > 1)
      this.#waiting.sort((a, b) => (rank.get(a.queue) ?? 0) - (rank.get(b.queue) ?? 0) || a.order - b.order)
    const batch = this.#waiting.splice(0, Math.max(0, this.#options.free()))
    const deliveries: Delivery[] = []
    for (const claim of batch) {
      this.#claims.set(claim.tag, claim)
      this.#queues.took(claim.queue)
      // The server reports only that a holder was lost: the count goes into the message, or every loss would look like the first.
      if (this.#redelivered.mustCount(claim)) void this.#count(claim)
      else deliveries.push(claim)
    }
    if (deliveries.length === 0) return
    crashPoint('claim:after')
    this.#options.onDeliveries(deliveries)
  }

  /** Aligns the consumers with the demand; one run at a time, repeated when something changed meanwhile. */
  #adjust(): Promise<void> {
    this.#mustAdjust = true
    this.#adjusting ??= this.#adjustAll().finally(() => {
      this.#adjusting = undefined
    })
    return this.#adjusting
  }

  async #adjustAll(): Promise<void> {
    for (let hasFailed = false; this.#mustAdjust; ) {
      this.#mustAdjust = false
      const before = this.#losses
      try {
        if (hasFailed || !this.#source) await this.#patience.wait()
        await this.#adjustOnce()
        hasFailed = false
      } catch (error) {
        if (this.#state !== 'consuming') return
        // A channel that ended meanwhile is already counted.
        if (before === this.#losses) this.#patience.failed()
        this.#failed(error)
        hasFailed = true
        this.#mustAdjust = true
      }
    }
  }

  async #adjustOnce(): Promise<void> {
    if (this.#state !== 'consuming') {
      await this.#orphans?.cancelAll()
      return this.#source?.cancelAll()
    }
    const { connection } = this.#parts
    const kind = limitKindOf(this.#queues.listed, this.#parts)
    if (this.#source && this.#source.kind !== kind) this.#setAside(this.#source)
    if (!this.#source) {
      const channel = await connection.channel()
      // Its version is known once connected.
      this.#source = new Source(channel, limitKindOf(this.#queues.listed, this.#parts), this)
      this.#patience.began()
      this.#redelivered.begin(this.#adoptionMs, (expired) => this.#lost(expired))
    }
    const source = this.#source
    const { expected } = this.#redelivered
    const unused = this.#waiting.filter((claim) => claim.source === source).length
    const limit = source.unsettled - unused + Math.max(0, this.#options.free() + expected)
    const mustLookAgain = await this.#opening.open({ source, queues: this.#queues.listed, limit })
    if (this.#isDown && this.#patience.isCalm) {
      this.#isDown = false
      this.#options.onRecovered?.()
    } else if (this.#isDown) this.#lookIn(STABLE_MS)
    if (!this.#orphans && !this.#hasNoOrphans) await this.#openOrphans()
    if (mustLookAgain) this.#lookIn(LOOK_AGAIN_MS)
  }

  #lookIn(ms: number): void {
    const dueMs = Date.now() + ms
    if (this.#lookAgain && this.#lookAgain.dueMs <= dueMs) return
    this.#lookAgain?.timer.cancel()
    const timer = systemClock.setTimer(() => {
      this.#lookAgain = undefined
      this.demand()
    }, ms)
    this.#lookAgain = { timer, dueMs }
  }

  /** Takes a few orphaned messages at a time; where this user lacks the permission, other workers do it. */
  async #openOrphans(): Promise<void> {
    const { connection, topology } = this.#parts
    try {
      await topology.ensureOrphans()
      this.#orphans = new Source(await connection.channel(), 'each', this)
      await this.#orphans.limit(MOST_ORPHANS)
      await this.#orphans.consume(ORPHANS)
    } catch (error) {
      if (isConnectionLoss(error)) throw error
      this.#hasNoOrphans = true
      this.#options.logger.warn(
        { err: error },
        `cannot handle delayed messages whose queue is gone (${ORPHANS}): they wait there for a worker that can`,
      )
    }
  }

  /** These were not brought back. */
  #lost(expired: readonly Claim[]): void {
    // Their callers learn it when they settle.
    const tags = expired
      .filter(({ tag, isSettling }) => !isSettling && this.#claims.delete(tag))
      .map(({ tag }) => tag)
    if (tags.length > 0) this.#options.onLost(tags)
    this.demand()
  }

  /** Leaves long-running deliveries on their channel, and consumes on another. */
  #park(): void {
    for (const source of this.#parked) {
      if (source.unsettled > 0) continue
      this.#parked.delete(source)
      void source.close().catch(() => {})
    }
    const source = this.#source
    const oldestMs = source?.oldestMs
    if (!source || !oldestMs || this.#adjusting || this.#state !== 'consuming') return
    if (Date.now() - oldestMs < this.#parts.options.consumerTimeoutMs / 3) return
    this.#setAside(source)
    this.demand()
  }

  /** Ends its consumers, and leaves it what it has delivered. */
  #setAside(source: Source): void {
    this.#source = undefined
    this.#parked.add(source)
    void source.cancelAll().catch(() => {})
  }

  /** Each outage is reported once. */
  #failed(error: unknown): void {
    if (this.#isDown || this.#state === 'closed') return
    this.#isDown = true
    this.#options.onError(error)
  }
}

const isSilence = (error: ConnectionError): boolean => /no answer for|heartbeat timeout/i.test(error.message)
const isTimeout = (error: ConnectionError): boolean => /acknowledgement.*timed out/i.test(error.message)
