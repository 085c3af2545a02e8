import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../../broker/index.js'
import { crashPoint, FleetingMap, type Timer, type Unsubscribe } from '../../../kernel/index.js'
import { isConnectionLoss, type PostgresDatabase } from '../client/index.js'
import { claimOf, tagOf } from './claim-tag.js'
import type { Doorbell, Ring } from './doorbell.js'
import { messageIn } from './publication.js'
import { Settler, type SettlerParts } from './settler.js'
import { sql } from './statements.js'

/** The most that one claim takes, so that a transaction stays short. */
const MOST_CLAIMED = 500
/** Every consumer looks this often, whoever rings. */
const POLL_MS = 1_000
const MAX_COMPARE_MS = 10_000
const FORGET_ONCE_MS = 60_000

/** What a consumer shares with its broker. */
export interface ConsumerParts extends Omit<SettlerParts, 'holder' | 'clock' | 'logger' | 'isClosed'> {
  readonly release: (holder: string) => void
  readonly onClosed: (consumer: PostgresConsumer) => void
}

interface ClaimedRow {
  readonly id: number
  readonly queue: string
  readonly level: number
  readonly place: number
  readonly redeliveries: number
  readonly raw: string
}

/**
 * Claims messages in batches and settles them.
 *
 * Promise 1: a message is in its queue, or held here and in the database under our name; no step in between loses it.
 * Promise 2: it goes on by itself after any loss of the connection or restart of the server, and tells what it lost.
 */
export class PostgresConsumer implements Consumer {
  readonly settlesResults: boolean
  readonly #database: PostgresDatabase
  readonly #doorbell: Doorbell
  readonly #options: ConsumeOptions
  readonly #parts: ConsumerParts
  readonly #settler: Settler
  readonly #endings: readonly Unsubscribe[]
  readonly #requeues = new Set<Promise<void>>()
  /** Tags of what is held and not being settled. */
  readonly #held = new FleetingMap<true>()
  #queues: readonly string[]
  #state: 'consuming' | 'paused' | 'closed' = 'consuming'
  #claimNumber = Date.now()
  #claiming: Promise<void> | undefined
  #wantsMore = false
  #isDown = false
  #dueTimer: Timer | undefined
  #restoredMs = 0
  #forgotOnceMs = Date.now()
  /** Ours in the database at the last comparison, and unknown here. */
  #unknown: ReadonlySet<string> = new Set()

  constructor(options: ConsumeOptions, parts: ConsumerParts) {
    const { database, doorbell, writer } = parts
    const { holder, clock, logger, leaseMs } = options
    this.#database = database
    this.#doorbell = doorbell
    this.#options = options
    this.#parts = parts
    this.#queues = options.queues
    this.settlesResults = writer !== undefined
    this.#settler = new Settler({ ...parts, holder, clock, logger, isClosed: () => this.#state === 'closed' })
    const sweep = setInterval(() => void this.#sweep(), Math.min(POLL_MS, leaseMs / 5))
    const compare = setInterval(() => void this.#compare(), Math.min(MAX_COMPARE_MS, leaseMs / 3))
    this.#endings = [
      doorbell.listen((ring) => this.#rung(ring)),
      database.hold(),
      () => clearInterval(sweep),
      () => clearInterval(compare),
    ]
    // Whoever consumes has the consumer in hands before its first delivery.
    setImmediate(() => void this.#sweep())
  }

  async settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const refused: string[] = []
    const ours: Settlement[] = []
    for (const settlement of settlements) {
      if (settlement.kind === 'postpone') crashPoint('postpone:before')
      if (this.#held.delete(settlement.tag)) ours.push(settlement)
      else refused.push(settlement.tag)
    }
    if (ours.length === 0) return refused
    const settled = this.#settler.settle(ours)
    if (ours.some(({ kind }) => kind === 'requeue')) this.#await(settled)
    this.demand()
    let failure: { readonly failed: unknown } | undefined
    const outcomes = await settled.catch((error: unknown) => ours.map(() => ({ failed: error })))
    for (const [index, { tag }] of ours.entries()) {
      const outcome = outcomes[index]
      if (outcome === 'refused') refused.push(tag)
      if (typeof outcome !== 'object') continue
      // Nothing has happened to it: it can be settled in another way.
      this.#held.set(tag, true)
      failure ??= outcome
    }
    this.demand()
    if (failure) throw failure.failed
    return refused
  }

  /** What goes back to its queue must be there before the next claim: it stands at the head. */
  #await(settled: Promise<unknown>): void {
    const ended = settled.then(
      () => void this.#requeues.delete(ended),
      () => void this.#requeues.delete(ended),
    )
    this.#requeues.add(ended)
  }

  demand(): void {
    this.#wantsMore = true
    this.#claiming ??= this.#claim()
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues = queues
    this.demand()
  }

  async pause(): Promise<void> {
    if (this.#state === 'consuming') this.#state = 'paused'
    await this.#claiming
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.pause()
    await Promise.race([this.#settler.idle(), this.#until(() => this.#isDown)])
    this.#state = 'closed'
    this.#dueTimer?.cancel()
    for (const end of this.#endings) end()
    this.#held.clear()
    this.#parts.release(this.#options.holder)
    this.#parts.onClosed(this)
    try {
      this.#tell(await this.#database.query<{ queue: string }>(sql.detach, [this.#options.holder]))
    } catch (error) {
      // The lease runs out by itself.
      if (!isConnectionLoss(error)) throw error
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && this.#state !== 'closed') await new Promise((resolve) => setTimeout(resolve, 50))
  }

  #rung({ queues, dueMs }: Ring): void {
    if (dueMs !== undefined) this.#armDue(dueMs - Date.now())
    const concerns = queues ? queues.some((queue) => this.#queues.includes(queue)) : dueMs === undefined
    if (concerns) this.demand()
  }

  /** Claims until there is nothing to be had or no slot is free; one claim at a time. */
  async #claim(): Promise<void> {
    // Everything that this turn settles has freed its slot by then.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#wantsMore && this.#state === 'consuming') {
      this.#wantsMore = false
      await Promise.all(this.#requeues)
      const free = Math.min(MOST_CLAIMED, this.#options.free())
      if (free <= 0) break
      try {
        const claim = ++this.#claimNumber
        const rows = await this.#database.query<ClaimedRow>(sql.claim, [
          this.#queues,
          this.#options.holder,
          claim,
          free,
        ])
        this.#isUp()
        if (rows.length > 0) this.#deliver(rows, claim)
        // There may be more than one claim takes.
        if (rows.length === MOST_CLAIMED) this.#wantsMore = true
      } catch (error) {
        this.#failed(error)
        break
      }
    }
    this.#claiming = undefined
    // Asked between the last look and here.
    if (this.#wantsMore && this.#state === 'consuming' && !this.#isDown && this.#options.free() > 0)
      this.demand()
  }

  #deliver(rows: readonly ClaimedRow[], claim: number): void {
    crashPoint('claim:after')
    const deliveries = inOrder(rows, this.#queues).map(({ id, queue, raw, redeliveries }): Delivery => {
      const tag = tagOf({ id, claim })
      this.#held.set(tag, true)
      return { tag, queue, raw, redeliveries, message: messageIn(raw, redeliveries) }
    })
    this.#options.onDeliveries(deliveries)
  }

  /** What time has done: claims of others who were silent, and delayed messages that are due. */
  async #sweep(): Promise<void> {
    if (this.#state === 'closed') return
    try {
      const nowMs = Date.now()
      if (nowMs - this.#restoredMs >= this.#options.leaseMs / 5) {
        this.#restoredMs = nowMs
        const restored = await this.#database.query<{ queue: string }>(sql.restore, [this.#options.holder])
        if (restored.length > 0) crashPoint('restore:after')
        await this.#claimFirst(restored)
      }
      if (nowMs - this.#forgotOnceMs >= FORGET_ONCE_MS) {
        this.#forgotOnceMs = nowMs
        await this.#database.query(sql.forgetOnce)
      }
      await this.#promote()
      this.#isUp()
      this.demand()
    } catch (error) {
      this.#failed(error)
    }
  }

  async #promote(): Promise<void> {
    const promoted = await this.#database.query<{ queue: string }>(sql.promote)
    if (promoted.length > 0) crashPoint('promote:after')
    await this.#claimFirst(promoted)
    const [next] = await this.#database.query<{ wait_ms: number | null }>(sql.nextDue)
    this.#dueTimer?.cancel()
    this.#dueTimer = undefined
    if (next && next.wait_ms !== null) this.#armDue(next.wait_ms)
  }

  /** Promotes once something is due; the nearest time counts, and the poll finds what is further away. */
  #armDue(waitMs: number): void {
    if (this.#state !== 'consuming' || waitMs > 2 * POLL_MS) return
    this.#dueTimer?.cancel()
    this.#dueTimer = this.#options.clock.setTimer(
      () => void this.#promote().catch((error: unknown) => this.#failed(error)),
      Math.max(0, waitMs) + 1,
    )
  }

  /** Whoever finds what is to be had takes of it before others are told: least of all shall it go back to a silent holder. */
  async #claimFirst(rows: readonly { readonly queue: string }[]): Promise<void> {
    if (rows.length === 0) return
    if (rows.some(({ queue }) => this.#queues.includes(queue))) {
      this.demand()
      await this.#claiming
    }
    this.#tell(rows)
  }

  #tell(rows: readonly { readonly queue: string }[]): void {
    this.#doorbell.ring({ queues: rows.map(({ queue }) => queue) })
  }

  /**
   * Compares what we hold with what the database says that we hold. What is missing there was given to somebody else, because our
   * lease had ended. What is there and unknown here, twice in a row, was claimed by a statement whose answer was lost.
   */
  async #compare(): Promise<void> {
    if (this.#state === 'closed') return
    const believed = this.#held.keys()
    const number = this.#claimNumber
    try {
      const rows = await this.#database.query<{ id: number; claim: number }>(sql.held, [this.#options.holder])
      const ours = new Map(rows.map((row) => [tagOf(row), row]))
      const lost = believed.filter((tag) => !ours.has(tag) && this.#held.delete(tag))
      if (lost.length > 0) this.#options.onLost(lost)
      const unknown = [...ours.keys()].filter((tag) => !this.#held.has(tag) && !believed.includes(tag))
      const older = unknown.filter((tag) => claimOf(tag).claim < number && this.#unknown.has(tag))
      this.#unknown = new Set(unknown)
      if (older.length === 0 || this.#settler.isBusy) return
      const orphans = older.flatMap((tag) => ours.get(tag) ?? [])
      const zeros = orphans.map(() => 0)
      const ids = [orphans.map(({ id }) => id), orphans.map(({ claim }) => claim), zeros]
      this.#tell(await this.#database.query(sql.requeue, [this.#options.holder, ...ids]))
    } catch (error) {
      this.#failed(error)
    }
  }

  #isUp(): void {
    if (this.#isDown) this.#options.onRecovered?.()
    this.#isDown = false
  }

  /** Each outage is told once; the next look comes by itself. */
  #failed(error: unknown): void {
    if (this.#state === 'closed') return
    if (!isConnectionLoss(error)) this.#options.onError(error)
    else if (!this.#isDown) {
      this.#isDown = true
      this.#options.onError(error)
    }
  }
}

/** An UPDATE promises no order, but mostly keeps it. */
function inOrder(rows: readonly ClaimedRow[], queues: readonly string[]): readonly ClaimedRow[] {
  const rank = (queue: string): number => queues.indexOf(queue)
  const compare = (a: ClaimedRow, b: ClaimedRow): number =>
    (a.queue === b.queue ? 0 : rank(a.queue) - rank(b.queue)) ||
    a.level - b.level ||
    a.place - b.place ||
    a.id - b.id
  const isOrdered = rows.every((row, index) => {
    const before = rows[index - 1]
    return before === undefined || compare(before, row) < 0
  })
  return isOrdered ? rows : [...rows].sort(compare)
}
