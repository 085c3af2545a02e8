import type { ConsumeOptions, Delivery } from '../../../broker/index.js'
import { InFlight } from '../../../kernel/index.js'
import { isConnectionLoss, type RedisConnection } from '../client/index.js'
import { type ClaimedMessage, readClaim } from './claim-reply.js'
import { HELD_REMARK, type RedisKeys } from './keys.js'
import { CLAIM } from './scripts.js'
import { Waiters } from './waiters.js'

/** One claim takes at most this many: the script runs alone on the server. */
const MAX_CLAIM = 1_000
/** Fewer are not worth a turn of the event loop of their own. */
const MIN_BATCH = 16

/** What a fetcher works with. */
export interface FetcherOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  readonly consume: ConsumeOptions
  /** Makes deliveries of what was claimed, whether or not they are handed over soon. */
  readonly take: (messages: Iterable<ClaimedMessage>) => readonly Delivery[]
}

/**
 * Claims messages while there is room for them, and waits without a claim while there are none.
 *
 * Under load it keeps two half batches on their way: while the tasks of one run here, the server settles and claims for the
 * other. Idle, it costs nothing but a blocked connection a queue and a look once a second.
 */
export class Fetcher {
  readonly #options: FetcherOptions
  readonly #waiters: Waiters
  /** Claims that wait for their reply, or for its delivery. */
  readonly #underWay = new InFlight()
  #queues: readonly string[] = []
  #lists: readonly string[] = []
  #suffixes: readonly string[] = []
  #isRunning = false
  #unanswered = 0
  /** Messages asked for and not yet delivered. */
  #asked = 0
  /** The most that there was ever room for: half of it is a batch. */
  #capacity = 0
  /** The last claim came back full. */
  #isFlowing = false
  /** Nothing was there, and the waiters will tell of the next. */
  #isIdle = false
  /** Counts reasons to look: a claim that was sent before the last of them says nothing about it. */
  #wakes = 0
  /** Batches that wait for their turn. */
  readonly #ready: { readonly deliveries: readonly Delivery[]; readonly delivered: () => void }[] = []
  #isTurnTaken = false

  constructor(options: FetcherOptions) {
    const { connection, consume } = options
    this.#options = options
    const on = { wake: () => this.wake(), error: consume.onError }
    this.#waiters = new Waiters(connection.target, consume.clock, on)
  }

  get queues(): readonly string[] {
    return this.#queues
  }

  /** Claims from these from now on; resolves when no message comes from others any more. */
  async setQueues(queues: readonly string[]): Promise<void> {
    const { keys } = this.#options
    this.#queues = [...queues]
    this.#lists = queues.flatMap((queue) => keys.lists(queue))
    this.#suffixes = queues.flatMap((queue) => keys.steps.map(() => `,"",${JSON.stringify(queue)}]`))
    this.#waiters.setLists(queues.map((queue) => keys.list(queue, 0)))
    await this.answered()
    this.wake()
  }

  start(): void {
    this.#isRunning = true
    this.wake()
  }

  /** Claims no more; resolves when what was claimed has been delivered. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#waiters.disarm()
    await this.answered()
  }

  /** Resolves when every claim that is under way now has been delivered. */
  async answered(): Promise<void> {
    await this.#underWay.ended()
  }

  close(): void {
    this.#waiters.close()
  }

  /** Something may have come. */
  wake(): void {
    this.#wakes++
    this.#isIdle = false
    this.pump()
  }

  /** Claims as much as there is room for, unless it is known that nothing is there. */
  pump(): void {
    if (!this.#isRunning || this.#isIdle || this.#lists.length === 0) return
    if (!this.#options.connection.isReady || this.#unanswered >= (this.#isFlowing ? 2 : 1)) return
    const room = this.#options.consume.free() - this.#asked
    if (room <= 0) return
    this.#capacity = Math.max(this.#capacity, room)
    const batch = Math.max(MIN_BATCH, Math.ceil(this.#capacity / 2))
    void this.#underWay.add(this.#claim(Math.min(room, batch, MAX_CLAIM)))
  }

  async #claim(want: number): Promise<void> {
    const wakes = this.#wakes
    const queues = this.#queues
    const { connection, keys, consume, take } = this.#options
    let deliveries: readonly Delivery[]
    this.#asked += want
    this.#unanswered++
    try {
      const { unackedIndex, unacked, holders, unparsed, redeliveries } = keys
      const reply = await CLAIM.run(
        connection,
        [unackedIndex, unacked, keys.held(consume.holder), holders, unparsed, redeliveries, ...this.#lists],
        [consume.holder, consume.leaseMs, want, HELD_REMARK, ...this.#suffixes],
      )
      deliveries = take(readClaim(reply, (list) => queues[Math.floor(list / keys.steps.length)] ?? ''))
    } catch (error) {
      // What was claimed and not heard of is found by the reconciliation once the connection is back.
      this.#asked -= want
      if (!isConnectionLoss(error) && !connection.isClosed) consume.onError(error)
      return
    } finally {
      this.#unanswered--
    }
    this.#asked -= want - deliveries.length
    this.#isFlowing = deliveries.length === want
    if (this.#isFlowing || this.#wakes !== wakes) this.pump()
    else this.#drained()
    await this.#deliver(deliveries)
  }

  /** Batches that come together are delivered one a turn, so that the first is settled before the second runs. */
  #deliver(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return Promise.resolve()
    return new Promise((delivered) => {
      this.#ready.push({ deliveries, delivered })
      if (!this.#isTurnTaken) this.#handOver()
    })
  }

  #handOver(): void {
    this.#isTurnTaken = false
    while (!this.#isTurnTaken) {
      const batch = this.#ready.shift()
      if (!batch) return
      const { deliveries, delivered } = batch
      this.#asked -= deliveries.length
      this.#options.consume.onDeliveries(deliveries)
      delivered()
      if (deliveries.length < MIN_BATCH) continue
      this.#isTurnTaken = true
      void turnOver().then(() => this.#handOver())
    }
  }

  /** The lists are empty: wait, if there is room for what may come. */
  #drained(): void {
    if (!this.#isRunning || this.#unanswered > 0) return
    if (this.#options.consume.free() - this.#asked <= 0) return
    this.#isIdle = true
    // What has just been claimed starts first.
    setImmediate(() => {
      if (this.#isIdle && this.#isRunning) this.#waiters.arm()
    })
  }
}

/** Lets everyone who waits for the end of this turn of the event loop go first: tasks end, and are settled. */
const turnOver = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())))
