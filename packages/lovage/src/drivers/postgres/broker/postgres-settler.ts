import type { Settlement } from '../../../broker/index.js'
import { type Clock, ConnectionError, delay, type Logger } from '../../../kernel/index.js'
import type { Settled } from '../../shared/index.js'
import {
  Batches,
  isConnectionLoss,
  type PostgresDatabase,
  type PostgresResultWriter,
  type Session,
  sqlStateOf,
} from '../client/index.js'
import { addLetters } from '../letters/postgres-dead-letters.js'
import { claimOf, tagOf } from './claim-tag.js'
import type { PostgresDoorbell } from './postgres-doorbell.js'
import type { PostgresPublisher } from './postgres-publisher.js'
import type { PostgresRouting } from './postgres-routing.js'
import { type PublishedRow, publishStatement, ringOf } from './publication.js'
import { sql } from './statements.js'

/** Settlements in one transaction. */
const AT_ONCE = 500
const RETRY_MS = 250

/** Dependencies of a settler. */
export interface SettlerParts {
  readonly database: PostgresDatabase
  readonly routing: PostgresRouting
  readonly publisher: PostgresPublisher
  readonly doorbell: PostgresDoorbell
  readonly holder: string
  readonly writer: PostgresResultWriter | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly isClosed: () => boolean
}

/** A settlement with its publications routed and serialised. */
interface Prepared {
  readonly settlement: Settlement
  readonly rows: readonly (readonly PublishedRow[])[]
}

/**
 * Ends claims, those of one turn in one transaction with everything that belongs to them: continuations, results, letters. A transaction
 * whose connection was lost is sent again: if it had been executed, its claims are gone and it is refused.
 */
export class PostgresSettler {
  readonly #parts: SettlerParts
  readonly #batches = new Batches<readonly Prepared[], readonly Settled[]>(
    (calls) => this.#settleCalls(calls),
    AT_ONCE,
    (call) => call.length,
  )

  constructor(parts: SettlerParts) {
    this.#parts = parts
  }

  /** Resolves to the outcome of each; rejects when none of them has a known outcome. */
  async settle(settlements: readonly Settlement[]): Promise<readonly Settled[]> {
    const calm = settlements.every(({ publish = [] }) => publish.length === 0)
    if (calm) return this.#batches.add(settlements.map((settlement) => ({ settlement, rows: [] })))
    const prepared = await Promise.all(settlements.map((settlement) => this.#prepare(settlement)))
    const ready = prepared.filter((one): one is Prepared => !('failed' in one))
    const outcomes = [...(await this.#batches.add(ready))]
    return prepared.map((one) => ('failed' in one ? one : (outcomes.shift() ?? 'refused')))
  }

  async #prepare(settlement: Settlement): Promise<Prepared | { readonly failed: unknown }> {
    const { publish = [] } = settlement
    try {
      return { settlement, rows: publish.length === 0 ? [] : await this.#parts.publisher.prepare(publish) }
    } catch (error) {
      return { failed: error }
    }
  }

  idle(): Promise<void> {
    return this.#batches.idle()
  }

  async #settleCalls(calls: readonly (readonly Prepared[])[]): Promise<readonly (readonly Settled[])[]> {
    const outcomes = await this.#settleAll(calls.length === 1 ? (calls[0] ?? []) : calls.flat())
    let from = 0
    return calls.map(({ length }) => {
      from += length
      return outcomes.slice(from - length, from)
    })
  }

  async #settleAll(items: readonly Prepared[]): Promise<readonly Settled[]> {
    try {
      return await this.#untilSent(items)
    } catch (error) {
      if (isConnectionLoss(error)) throw error
      // A settlement that cannot be executed does not hold up the others.
      const outcomes: Settled[] = []
      for (const item of items) outcomes.push(await this.#alone(item))
      return outcomes
    }
  }

  /** A result that its table cannot hold must not prevent the ack: the task would run forever. */
  async #alone(item: Prepared): Promise<Settled> {
    try {
      return await this.#untilOneIsSent(item)
    } catch (error) {
      const { results = [], ...rest } = item.settlement
      if (!/^2[23]/.test(sqlStateOf(error) ?? '') || results.length === 0) return { failed: error }
      this.#parts.logger.error(
        { err: error, task_id: results[0]?.id.slice(0, 200) },
        'a result does not fit into its table and is not stored',
      )
      // Without its results it is a settlement of the same kind.
      return await this.#untilOneIsSent({ ...item, settlement: rest as Settlement })
    }
  }

  async #untilOneIsSent(item: Prepared): Promise<Settled> {
    const [outcome = 'refused'] = await this.#untilSent([item])
    return outcome
  }

  async #untilSent(items: readonly Prepared[]): Promise<readonly Settled[]> {
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

  async #send(items: readonly Prepared[]): Promise<readonly Settled[]> {
    const { database, routing, doorbell, writer } = this.#parts
    const isBare = items.every(
      ({ settlement: { kind, results = [] }, rows }) =>
        kind === 'ack' && rows.length === 0 && results.length === 0,
    )
    if (isBare) return this.#end(database, items)
    if (items.some(({ settlement }) => settlement.results)) await writer?.stored()
    await routing.know(items.flatMap(({ rows }) => rows.flat().map(({ queue }) => queue)))
    const outcomes = await database.transaction(async (session) => {
      const ended = await this.#end(session, items)
      const done = items.filter((_, index) => ended[index] === 'ended')
      const rows = done.flatMap((item) => item.rows)
      if (rows.length > 0) await session.query(...publishStatement(rows))
      const results = done.flatMap(({ settlement }) => settlement.results ?? [])
      if (results.length > 0) await writer?.storeIn(session, results)
      await addLetters(
        session,
        done.flatMap(({ settlement }) => (settlement.kind === 'dead-letter' ? [settlement.letter] : [])),
      )
      return ended
    })
    for (const [index, { settlement, rows }] of items.entries()) {
      if (outcomes[index] !== 'ended') continue
      if (rows.length > 0) doorbell.ring(ringOf(rows.flat(), Date.now()))
      if (settlement.kind === 'postpone') doorbell.ring({ dueMs: settlement.untilMs })
    }
    return outcomes
  }

  /** Ends the claims that are still ours. */
  async #end(session: Session, items: readonly Prepared[]): Promise<readonly Settled[]> {
    const refused = new Set<string>()
    const run = async (
      statement: string,
      chosen: readonly Settlement[],
      column: readonly number[][] = [],
    ) => {
      const names = chosen.map(({ tag }) => claimOf(tag))
      const lists = [names.map(({ id }) => id), names.map(({ claim }) => claim), ...column]
      const { holder, doorbell } = this.#parts
      const rows = await session.query<{ id: number; claim: number; queue?: string }>(statement, [
        holder,
        ...lists,
      ])
      if (rows.length < chosen.length) {
        const ours = new Set(rows.map(tagOf))
        for (const { tag } of chosen) if (!ours.has(tag)) refused.add(tag)
      }
      // An early ring would cause a useless look.
      const queues = new Set(rows.flatMap(({ queue }) => queue ?? []))
      if (queues.size > 0) doorbell.ring({ queues: [...queues] })
    }
    const acked: Settlement[] = []
    const requeued: Settlement[] = []
    const counts: number[] = []
    const postponed: Settlement[] = []
    const until: number[] = []
    for (const { settlement } of items) {
      if (settlement.kind === 'requeue') {
        requeued.push(settlement)
        counts.push(settlement.counts ? 1 : 0)
      } else if (settlement.kind === 'postpone') {
        postponed.push(settlement)
        until.push(settlement.untilMs)
      } else acked.push(settlement)
    }
    if (acked.length > 0) await run(sql.ack, acked)
    if (requeued.length > 0) await run(sql.requeue, requeued, [counts])
    if (postponed.length > 0) await run(sql.postpone, postponed, [until])
    return items.map(({ settlement }) => (refused.has(settlement.tag) ? 'refused' : 'ended'))
  }
}
