import type { ConsumeOptions } from '../../../broker/index.js'
import { crashPoint, type Unsubscribe } from '../../../kernel/index.js'
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
import { isConnectionLoss, type PostgresDatabase } from '../client/index.js'
import { claimOf, tagOf } from './claim-tag.js'
import type { PostgresDoorbell } from './postgres-doorbell.js'
import { PostgresSettler, type SettlerParts } from './postgres-settler.js'
import { messageIn } from './publication.js'
import { sql } from './statements.js'

/** Every consumer polls this often, regardless of rings. */
const POLL_MS = 1_000
const FORGET_ONCE_MS = 60_000

/** State that a consumer shares with its broker. */
export type PostgresClaimParts = Omit<SettlerParts, 'holder' | 'clock' | 'logger' | 'isClosed'>

interface ClaimedRow {
  readonly id: number
  readonly queue: string
  readonly level: number
  readonly place: number
  readonly redeliveries: number
  readonly raw: string
}

/** A consumer's claims in PostgreSQL. */
export class PostgresClaimPort implements ClaimPort {
  readonly settlesResults: boolean
  /** Transactions stay short. */
  readonly mostClaimed = 500
  readonly isPipelined = false
  readonly asksLate = false
  readonly watchesConnection = false
  readonly isReady = true
  readonly sweepMs: number
  readonly #database: PostgresDatabase
  readonly #doorbell: PostgresDoorbell
  readonly #options: ConsumeOptions
  readonly #settler: PostgresSettler
  readonly #requeues = new Set<Promise<void>>()
  readonly #letGo: Unsubscribe
  #claimNumber = Date.now()
  #isClosed = false
  #restoredMs = 0
  #forgotOnceMs = Date.now()

  constructor(options: ConsumeOptions, parts: PostgresClaimParts) {
    const { holder, clock, logger, leaseMs } = options
    this.#database = parts.database
    this.#doorbell = parts.doorbell
    this.#options = options
    this.settlesResults = parts.writer !== undefined
    this.sweepMs = Math.min(POLL_MS, leaseMs / 5)
    this.#letGo = parts.database.hold()
    this.#settler = new PostgresSettler({ ...parts, holder, clock, logger, isClosed: () => this.#isClosed })
  }

  turn(send: () => void): void {
    // By then, all settlements of this turn have freed their slots.
    setImmediate(send)
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    // Requeued messages must be in their queue before the next claim: they stand at the head.
    if (this.#requeues.size > 0) await Promise.all(this.#requeues)
    const { queues, want } = ask()
    if (want === 0) return { messages: [] }
    const claim = ++this.#claimNumber
    const { holder } = this.#options
    const rows = await this.#database.query<ClaimedRow>(sql.claim, [queues, holder, claim, want])
    return {
      messages: inOrder(rows, queues).map(({ id, queue, raw, redeliveries }) => ({
        key: tagOf({ id, claim }),
        queue,
        raw,
        redeliveries,
        message: messageIn(raw, redeliveries),
      })),
    }
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    for (const { settlement } of settlements)
      if (settlement.kind === 'postpone') crashPoint('postpone:before')
    const settled = this.#settler.settle(settlements.map(({ settlement }) => settlement))
    if (settlements.some(({ settlement }) => settlement.kind === 'requeue')) this.#await(settled)
    return settled
  }

  async held(): Promise<HeldList> {
    const { holder } = this.#options
    return {
      keys: (await this.#database.query<{ id: number; claim: number }>(sql.held, [holder])).map(tagOf),
    }
  }

  async giveBack(tags: readonly string[]): Promise<void> {
    const names = tags.map(claimOf)
    const lists = [names.map(({ id }) => id), names.map(({ claim }) => claim), names.map(() => 0)]
    const freed = await this.#database.query<{ queue: string }>(sql.requeue, [this.#options.holder, ...lists])
    this.tell(freed.map(({ queue }) => queue))
  }

  async sweep(): Promise<Swept> {
    const nowMs = Date.now()
    const freed: string[] = []
    if (nowMs - this.#restoredMs >= this.#options.leaseMs / 5) {
      this.#restoredMs = nowMs
      const restored = await this.#database.query<{ queue: string }>(sql.restore, [this.#options.holder])
      if (restored.length > 0) crashPoint('restore:after')
      freed.push(...restored.map(({ queue }) => queue))
    }
    if (nowMs - this.#forgotOnceMs >= FORGET_ONCE_MS) {
      this.#forgotOnceMs = nowMs
      await this.#database.query(sql.forgetOnce)
      await this.#database.query(sql.forgetPublishers)
    }
    const promoted = await this.#database.query<{ queue: string }>(sql.promote)
    if (promoted.length > 0) crashPoint('promote:after')
    freed.push(...promoted.map(({ queue }) => queue))
    const [next] = await this.#database.query<{ wait_ms: number | null }>(sql.nextDue)
    const waitMs = next?.wait_ms ?? null
    return waitMs === null ? { freed } : { freed, dueInMs: Math.max(0, waitMs) + 1 }
  }

  async releaseDead(holders: readonly string[]): Promise<void> {
    for (const holder of holders) await this.#detach(holder)
  }

  drop(): void {
    this.#database.drop()
  }

  tell(queues: readonly string[]): void {
    this.#doorbell.ring({ queues: [...new Set(queues)] })
  }

  listen(listener: ClaimListener): readonly Unsubscribe[] {
    return [
      this.#doorbell.listen(({ queues, dueMs }) => {
        if (dueMs !== undefined) listener.due(dueMs - Date.now() + 1)
        if (queues || dueMs === undefined) listener.rung(queues)
      }),
    ]
  }

  drain(): Promise<void> {
    return this.#settler.idle()
  }

  async leave(): Promise<void> {
    this.#isClosed = true
    this.#letGo()
    await this.#detach(this.#options.holder)
  }

  async #detach(holder: string): Promise<void> {
    const freed = await this.#database.query<{ queue: string }>(sql.detach, [holder])
    if (freed.length > 0) this.tell(freed.map(({ queue }) => queue))
  }

  isOutage(error: unknown): boolean {
    return isConnectionLoss(error)
  }

  #await(settled: Promise<unknown>): void {
    const ended = settled.then(
      () => void this.#requeues.delete(ended),
      () => void this.#requeues.delete(ended),
    )
    this.#requeues.add(ended)
  }
}

/** An UPDATE does not guarantee an order, but mostly keeps it. */
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
