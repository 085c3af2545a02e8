import type { PublishTransaction } from '../../../broker/index.js'
import { ConnectionError, delay, newId, stayAlive, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { Batches, isConnectionLoss, type PostgresDatabase, wasSent } from '../client/index.js'
import { type PostgresDoorbell, ringPayload } from './postgres-doorbell.js'
import type { PostgresRouting } from './postgres-routing.js'
import { type PublishedRow, publishStatement, ringOf, rowsOf } from './publication.js'
import { sql } from './statements.js'

/** How long a statement whose reply was lost is retried. */
const PATIENCE_MS = 15_000
const RETRY_MS = 100
/** Calls of `publish` combined in one statement. */
const AT_ONCE = 1_000

/** Rows of one call, grouped by message. */
type Prepared = readonly (readonly PublishedRow[])[]

/** Publishes messages in one statement at a time, which is one transaction; calls made meanwhile share the next. */
export class PostgresPublisher {
  readonly #database: PostgresDatabase
  readonly #routing: PostgresRouting
  readonly #doorbell: PostgresDoorbell
  /** Names this publisher in the database. */
  readonly #name = newId()
  #number = 0
  readonly #batches = new Batches<Prepared>(
    async (calls) => {
      await this.#write(calls)
      return []
    },
    AT_ONCE,
    () => 1,
    false,
  )

  constructor(database: PostgresDatabase, routing: PostgresRouting, doorbell: PostgresDoorbell) {
    this.#database = database
    this.#routing = routing
    this.#doorbell = doorbell
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    // No database access where none is needed, so that calls of one turn stay in order.
    const isDirect = messages.every(({ exchange }) => exchange === '')
    await this.#batches.add(
      isDirect
        ? messages.map((message) => rowsOf(message, [message.routingKey]))
        : await this.prepare(messages),
    )
  }

  /** Writes messages in a caller's transaction: they exist if, and as soon as, it is committed. */
  async publishIn(transaction: PublishTransaction, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    const prepared = await this.prepare(messages)
    await this.#routing.know(prepared.flat().map(({ queue }) => queue))
    const [statement, values] = publishStatement(prepared)
    await transaction.query(statement, [...values])
    // The server notifies on commit, and only then.
    await transaction.query(sql.ringWithin, [ringPayload(ringOf(prepared.flat(), Date.now()))])
  }

  /** Routes messages and writes their rows; throws a MessageError for one without a queue. */
  async prepare(messages: readonly OutgoingMessage[]): Promise<Prepared> {
    const routes = await this.#routing.routes(messages)
    return messages.map((message, index) => rowsOf(message, routes[index] ?? []))
  }

  idle(): Promise<void> {
    return this.#batches.idle()
  }

  async #write(calls: readonly Prepared[]): Promise<void> {
    const messages = calls.flat()
    const rows = messages.flat()
    await this.#routing.know(rows.map(({ queue }) => queue))
    await this.#send(messages)
    this.#doorbell.ring(ringOf(rows, Date.now()))
  }

  /** One statement after the other, so that a number implies that all before it were executed, or never will be. */
  async #send(messages: Prepared): Promise<void> {
    const statement = publishStatement(messages, { name: this.#name, number: ++this.#number })
    const untilMs = systemClock.now() + PATIENCE_MS
    let lost: unknown
    for (;;) {
      try {
        return void (await this.#database.query(...statement))
      } catch (error) {
        // An unsent statement is left for the caller to retry.
        if (!isConnectionLoss(error) || (lost === undefined && !wasSent(error))) throw error
        lost ??= error
        if (systemClock.now() > untilMs) break
        await stayAlive(delay(systemClock, RETRY_MS))
      }
    }
    const ids = messages.flatMap((rows) => rows[0]?.task_id ?? [])
    throw new ConnectionError(
      `PostgreSQL (${this.#database.target.location}) was lost before it confirmed what was published`,
      { code: 'LVG_PUBLISH_UNCERTAIN', details: { ids }, cause: lost },
    )
  }
}
