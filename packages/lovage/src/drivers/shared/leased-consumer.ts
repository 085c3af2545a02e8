import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../broker/index.js'
import { crashPoint, type Timer, type Unsubscribe } from '../../kernel/index.js'
import { withoutRepetition } from '../../process/index.js'
import { ClaimLoop } from './claim-loop.js'
import type { ClaimPort, ClaimReply } from './claim-port.js'
import { HeldClaims, type OpenSettlement } from './held-claims.js'
import { SHORTEST_SILENCE_MS } from './kept-lease.js'
import { Outage } from './outage.js'
import { QueueTurns } from './queue-turns.js'
import { SweepTimer } from './sweep-timer.js'

const LONGEST_COMPARE_MS = 10_000
/** After a failure, no other event may trigger another attempt. */
const RETRY_MS = 1_000

/** Callbacks of a consumer in addition to its options. */
export interface LeasedConsumerHooks {
  /** The lease is no longer renewed. */
  readonly release: () => void
  readonly onClosed: (consumer: LeasedConsumer) => unknown
}

/**
 * The life of a claim on every broker whose claims are leases: claimed in batches, held, settled or given back. The server
 * operations are in its `ClaimPort`.
 *
 * Promise 1: a message is in its queue, or held here and on the server; no step in between loses it.
 * Promise 2: it recovers by itself from any loss of the connection or restart of the server, and reports lost claims. An outage is
 * reported once, and its end once.
 */
export class LeasedConsumer implements Consumer {
  readonly settlesResults: boolean
  readonly #port: ClaimPort
  readonly #options: ConsumeOptions
  readonly #hooks: LeasedConsumerHooks
  readonly #claims: HeldClaims
  readonly #loop: ClaimLoop
  readonly #sweeper: SweepTimer
  readonly #outage: Outage
  readonly #onError: (error: unknown) => void
  readonly #endings: Unsubscribe[] = []
  #state: 'starting' | 'consuming' | 'paused' | 'closed' = 'starting'
  #compareTimer: Timer | undefined
  #closing: Promise<void> | undefined

  /** Starts consuming; the holder's lease is on the server already. */
  static async start(
    port: ClaimPort,
    options: ConsumeOptions,
    hooks: LeasedConsumerHooks,
  ): Promise<LeasedConsumer> {
    const consumer = new LeasedConsumer(port, options, hooks)
    await consumer.#begin()
    return consumer
  }

  private constructor(port: ClaimPort, options: ConsumeOptions, hooks: LeasedConsumerHooks) {
    const { clock, free, onDeliveries, onRecovered } = options
    this.#port = port
    this.#options = options
    this.#hooks = hooks
    this.#claims = new HeldClaims(port.tagOf)
    this.settlesResults = port.settlesResults
    this.#onError = withoutRepetition(options.onError, clock)
    // Each outage is reported, even the second within a minute.
    this.#outage = new Outage(options.onError, () => onRecovered?.())
    this.#loop = new ClaimLoop(port, {
      turns: options.queueOrder === 'round_robin' ? new QueueTurns(options) : undefined,
      free,
      take: (reply) => this.#take(reply),
      deliver: onDeliveries,
      onError: (error) => this.#failed(error),
    })
    this.#sweeper = new SweepTimer({ clock, longestPauseMs: port.sweepMs, look: () => this.#sweep() })
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const refused: string[] = []
    const open: OpenSettlement[] = []
    for (const settlement of settlements) {
      const claim = this.#claims.open(settlement.tag)
      if (!claim) {
        refused.push(settlement.tag)
        continue
      }
      claim.settling = true
      open.push({ settlement, claim })
      if (settlement.kind === 'postpone') this.#sweeper.expect(settlement.untilMs - this.#options.clock.now())
    }
    if (open.length === 0) return refused
    const settled = this.#port.settle(open, this.#keep(open))
    this.demand()
    let failure: { readonly failed: unknown } | undefined
    const outcomes = await settled.catch((error: unknown) => open.map(() => ({ failed: error })))
    for (const [index, { settlement, claim }] of open.entries()) {
      const outcome = outcomes[index] ?? 'refused'
      if (typeof outcome === 'object') {
        // It has had no effect: it can be settled in another way.
        claim.settling = false
        failure ??= outcome
        continue
      }
      this.#claims.remove(claim)
      if (outcome === 'refused') refused.push(settlement.tag)
    }
    if (failure) throw failure.failed
    return refused
  }

  /** A consumer that holds nothing else takes the next step itself: others would be woken for it in vain. */
  #keep(open: readonly OpenSettlement[]): ((reply?: ClaimReply) => void) | undefined {
    const [one] = open
    const isAlone = open.length === 1 && this.#claims.size === 1
    return one && isAlone && this.#port.canKeep?.(one.settlement) ? this.#loop.keep() : undefined
  }

  demand(): void {
    if (this.#state !== 'closed') this.#loop.demand()
  }

  setQueues(queues: readonly string[]): Promise<void> {
    return this.#loop.setQueues(queues)
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    const others = holders.filter((holder) => holder !== this.#options.holder)
    if (others.length === 0 || this.#state === 'closed') return
    await this.#port.releaseDead(others)
    this.#sweeper.soon()
  }

  async pause(): Promise<void> {
    if (this.#state !== 'closed') this.#state = 'paused'
    await this.#loop.stop()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.pause()
    // During an outage nothing can be settled: the claims go back when the lease ends.
    await Promise.race([this.#port.drain(), this.#outage.whenDown()])
    this.#state = 'closed'
    this.#compareTimer?.cancel()
    for (const end of this.#endings) end()
    await this.#sweeper.stop()
    this.#hooks.release()
    const isEmpty = this.#claims.size === 0
    this.#claims.clear()
    try {
      await this.#port.leave(isEmpty)
    } catch (error) {
      // The lease runs out by itself.
      if (!this.#port.isOutage(error)) throw error
    } finally {
      this.#hooks.onClosed(this)
    }
  }

  async #begin(): Promise<void> {
    await this.#loop.setQueues(this.#options.queues)
    this.#endings.push(
      ...(await this.#port.listen({
        rung: (queues) => this.#rung(queues),
        due: (inMs) => this.#sweeper.expect(inMs),
        down: (error) => this.#outage.down(error),
        up: () => void this.#resume(),
      })),
    )
    this.#compareLater()
    this.#sweeper.soon()
    // The caller has the consumer before its first delivery.
    setImmediate(() => {
      if (this.#state !== 'starting') return
      this.#state = 'consuming'
      this.#loop.start()
    })
  }

  #take({ messages, dueInMs }: ClaimReply): Delivery[] {
    this.#works()
    if (dueInMs !== undefined) this.#sweeper.expect(dueInMs)
    const { deliveries, lost } = this.#claims.take(messages)
    if (deliveries.length > 0) crashPoint('claim:after')
    if (lost.length > 0) this.#options.onLost(lost)
    return deliveries
  }

  #rung(queues: readonly string[] | undefined): void {
    if (!queues || queues.some((queue) => this.#loop.queues.includes(queue))) this.#loop.wake(queues)
  }

  async #sweep(): Promise<number | undefined> {
    if (!this.#port.isReady) return undefined
    let dueInMs: number | undefined
    try {
      const swept = await this.#answeredInTime(this.#port.sweep?.())
      dueInMs = swept?.dueInMs
      if (swept) this.#works()
      if (!swept?.isEmpty) this.#loop.probe()
      await this.#tell(swept?.freed ?? [])
    } catch (error) {
      this.#failed(error)
    }
    return dueInMs
  }

  /** A server that does not respond is abandoned within a third of the lease, so that claims held here stay ours. */
  async #answeredInTime<Reply>(asked: Promise<Reply> | undefined): Promise<Reply | undefined> {
    const { clock, leaseMs } = this.#options
    const timer = clock.setTimer(
      () => this.#port.drop?.(),
      Math.max(SHORTEST_SILENCE_MS, leaseMs / 3 - this.#port.sweepMs),
    )
    try {
      return await asked
    } finally {
      timer.cancel()
    }
  }

  /**
   * The consumer that finds available messages takes its share before it notifies others: above all, they must not go back to a silent
   * holder.
   */
  async #tell(queues: readonly string[]): Promise<void> {
    if (queues.length === 0) return
    if (queues.some((queue) => this.#loop.queues.includes(queue))) await this.#loop.answered()
    this.#port.tell?.(queues)
  }

  #compareLater(): void {
    const { clock, leaseMs } = this.#options
    const compare = async (): Promise<void> => {
      try {
        await this.#compare()
      } catch (error) {
        this.#failed(error)
      }
      if (this.#state !== 'closed') this.#compareLater()
    }
    this.#compareTimer = clock.setTimer(() => void compare(), Math.min(leaseMs / 3, LONGEST_COMPARE_MS))
  }

  /** Compares the claims held here with the server's list: reports lost claims, and returns claims without a running task. */
  async #compare(): Promise<void> {
    if (!this.#port.isReady || this.#state === 'closed') return
    const { number } = this.#claims
    const answered = this.#loop.answered()
    const listed = await this.#port.held()
    await answered
    const { lost, orphans } = this.#claims.compare(listed.keys, number, listed.isUnread)
    if (lost.length > 0) this.#options.onLost(lost)
    if (orphans.length > 0) await this.#port.giveBack(orphans)
  }

  /** Runs after each connect, the first one or a later one. */
  async #resume(): Promise<void> {
    try {
      await this.#port.resume?.()
      // Twice: a claim that is unknown both times was made by a command whose reply was lost.
      await this.#compare()
      await this.#compare()
      this.#outage.up()
      this.#sweeper.soon()
      this.demand()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** The server has responded. */
  #works(): void {
    if (!this.#port.watchesConnection && this.#outage.up()) void this.#resume()
  }

  #failed(error: unknown): void {
    if (this.#state === 'closed') return
    this.#sweeper.expect(RETRY_MS)
    if (!this.#port.isOutage(error)) this.#onError(error)
    else if (!this.#port.watchesConnection) this.#outage.down(error)
  }
}
