import { addLetters } from '../../dead-letter/index.js'
import { type Clock, ConnectionError, delay, type Logger } from '../../kernel/index.js'
import {
  Batches,
  isConnectionLoss,
  type PostgresDatabase,
  type PostgresResultWriter,
  type Session,
  sqlStateOf,
} from '../../postgres-client/index.js'
import type { ResultRecord } from '../../result/index.js'
import type { Settlement } from '../broker.js'
import type { Doorbell } from './doorbell.js'
import { type PublishedRow, publishParameter, ringOf } from './publication.js'
import type { Publisher } from './publisher.js'
import type { Routing } from './routing.js'
import { sql } from './statements.js'

/** Settlements that one transaction carries. */
const AT_ONCE = 500
const RETRY_MS = 250

/** What a settler works with. */
export interface SettlerParts {
  readonly database: PostgresDatabase
  readonly routing: Routing
  readonly publisher: Publisher
  readonly doorbell: Doorbell
  readonly holder: string
  readonly writer: PostgresResultWriter<ResultRecord> | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly isClosed: () => boolean
}

/** A settlement with what it publishes routed and written. */
interface Prepared {
  readonly settlement: Settlement
  readonly rows: readonly (readonly PublishedRow[])[]
}

/** The name of a claim: the message, and which claim of its holder's. */
const partsOf = (tag: string): readonly [id: number, claim: number] => {
  const [id = 0, claim = 0] = tag.split('.').map(Number)
  return [id, claim]
}

/**
 * Ends claims, those of one turn in one transaction with all that belongs to them: continuations, results, letters. A transaction
 * whose connection was lost is sent again: if it had been carried out, its claims are gone and it is refused.
 */
export class Settler {
  readonly #parts: SettlerParts
  readonly #batches = new Batches<Prepared, boolean>((items) => this.#settleAll(items), AT_ONCE)

  constructor(parts: SettlerParts) {
    this.#parts = parts
  }

  /** Whether the claim was still its holder's. */
  async settle(settlement: Settlement): Promise<boolean> {
    const { publish = [] } = settlement
    const rows = publish.length === 0 ? [] : await this.#parts.publisher.prepare(publish)
    return this.#batches.add({ settlement, rows })
  }

  /** Whether something is under way. */
  get isBusy(): boolean {
    return this.#batches.isBusy
  }

  idle(): Promise<void> {
    return this.#batches.idle()
  }

  async #settleAll(items: readonly Prepared[]): Promise<readonly boolean[]> {
    try {
      return await this.#untilSent(items)
    } catch (error) {
      if (isConnectionLoss(error) || items.length === 1) throw error
      // One that cannot be carried out keeps no other from it.
      const replies: boolean[] = []
      for (const item of items) replies.push(...(await this.#alone(item)))
      return replies
    }
  }

  /** A result that its table cannot hold costs nobody the acknowledgement: the task would run for ever. */
  async #alone(item: Prepared): Promise<readonly boolean[]> {
    try {
      return await this.#untilSent([item])
    } catch (error) {
      const { results = [], ...rest } = item.settlement
      if (!/^2[23]/.test(sqlStateOf(error) ?? '') || results.length === 0) throw error
      this.#parts.logger.error(
        { err: error, task_id: results[0]?.id.slice(0, 200) },
        'a result does not fit into its table and is not kept',
      )
      // Without its results it is a settlement of the same kind.
      return await this.#untilSent([{ ...item, settlement: rest as Settlement }])
    }
  }

  async #untilSent(items: readonly Prepared[]): Promise<readonly boolean[]> {
    for (;;) {
      try {
        return await this.#send(items)
      } catch (error) {
        if (!isConnectionLoss(error)) throw error
        if (this.#parts.isClosed())
          throw new ConnectionError('The consumer was closed before this could be settled', {
            code: 'LVG_CONNECTION_CLOSED',
            cause: error,
          })
        await delay(this.#parts.clock, RETRY_MS)
      }
    }
  }

  async #send(items: readonly Prepared[]): Promise<readonly boolean[]> {
    const { database, routing, doorbell, writer } = this.#parts
    const isBare = items.every(
      ({ settlement: { kind, results = [] }, rows }) =>
        kind === 'ack' && rows.length === 0 && results.length === 0,
    )
    if (isBare) return this.#ownedBy(items, await this.#end(database, items))
    if (items.some(({ settlement }) => settlement.results)) await writer?.stored()
    await routing.know(items.flatMap(({ rows }) => rows.flat().map(({ queue }) => queue)))
    const owned = await database.transaction(async (session) => {
      const ours = this.#ownedBy(items, await this.#end(session, items))

      const done = items.filter((_, index) => ours[index])
      const rows = done.flatMap((item) => item.rows)
      if (rows.length > 0) await session.query(sql.publish, [publishParameter(rows)])
      const results = done.flatMap(({ settlement }) => settlement.results ?? [])
      if (results.length > 0) await writer?.storeIn(session, results)
      await addLetters(
        session,
        done.flatMap(({ settlement }) => (settlement.kind === 'dead-letter' ? [settlement.letter] : [])),
      )
      return ours
    })
    for (const [index, { settlement, rows }] of items.entries()) {
      if (!owned[index]) continue
      doorbell.ring(ringOf(rows.flat(), Date.now()))
      if (settlement.kind === 'postpone') doorbell.ring({ dueMs: settlement.untilMs })
    }
    return owned
  }

  /** Ends the claims that are ours still; tells their tags. */
  async #end(session: Session, items: readonly Prepared[]): Promise<readonly string[]> {
    const { holder, doorbell } = this.#parts
    const tags: string[] = []
    const run = async (
      statement: string,
      chosen: readonly Prepared[],
      column?: readonly number[],
    ): Promise<void> => {
      if (chosen.length === 0) return
      const names = chosen.map(({ settlement }) => partsOf(settlement.tag))
      const lists = [names.map(([id]) => id), names.map(([, claim]) => claim), ...(column ? [column] : [])]
      const rows = await session.query<{ id: number; claim: number; queue?: string }>(statement, [
        holder,
        ...lists,
      ])
      for (const { id, claim, queue } of rows) {
        tags.push(`${id}.${claim}`)
        // A ring before its time is a look in vain.
        if (queue !== undefined) doorbell.ring({ queues: [queue] })
      }
    }
    const of = <Kind extends Settlement['kind']>(...kinds: readonly Kind[]) =>
      items.filter(({ settlement }) => (kinds as readonly string[]).includes(settlement.kind))
    await run(sql.ack, of('ack', 'dead-letter'))
    const requeued = of('requeue')
    await run(
      sql.requeue,
      requeued,
      requeued.map(({ settlement }) => (settlement.kind === 'requeue' && settlement.counts ? 1 : 0)),
    )
    const postponed = of('postpone')
    await run(
      sql.postpone,
      postponed,
      postponed.map(({ settlement }) => (settlement.kind === 'postpone' ? settlement.untilMs : 0)),
    )
    return tags
  }

  #ownedBy(items: readonly Prepared[], tags: readonly string[]): readonly boolean[] {
    const ours = new Set(tags)
    return items.map(({ settlement }) => ours.has(settlement.tag))
  }
}
