import type { PublishTransaction } from '../../../broker/index.js'
import { ConnectionError, delay, newId, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { Batches, isConnectionLoss, type PostgresDatabase, wasSent } from '../client/index.js'
import { type PostgresDoorbell, ringPayload } from './postgres-doorbell.js'
import type { PostgresRouting } from './postgres-routing.js'
import { type PublishedRow, publishParameters, ringOf, rowsOf } from './publication.js'
import { sql } from './statements.js'

/** For so long a statement whose answer was lost is tried again. */
const PATIENCE_MS = 15_000
const RETRY_MS = 100
/** Calls of `publish` that one statement carries. */
const AT_ONCE = 1_000

/** Rows of one call, those of each message together. */
type Prepared = readonly (readonly PublishedRow[])[]

/** Takes messages: the calls of one turn in one statement, which is one transaction. */
export class PostgresPublisher {
  readonly #database: PostgresDatabase
  readonly #routing: PostgresRouting
  readonly #doorbell: PostgresDoorbell
  /** Names this publisher in the database. */
  readonly #name = newId()
  #number = 0
  readonly #batches = new Batches<Prepared>(async (calls) => {
    await this.#write(calls)
    return []
  }, AT_ONCE)

  constructor(database: PostgresDatabase, routing: PostgresRouting, doorbell: PostgresDoorbell) {
    this.#database = database
    this.#routing = routing
    this.#doorbell = doorbell
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    // Without a look at the database where none is needed, so that calls of one turn stay in their order.
    const isDirect = messages.every(({ exchange }) => exchange === '')
    await this.#batches.add(
      isDirect
        ? messages.map((message) => rowsOf(message, [message.routingKey]))
        : await this.prepare(messages),
    )
  }

  /** Writes messages in a transaction of somebody else's: they exist if, and as soon as, it is committed. */
  async publishIn(transaction: PublishTransaction, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    const prepared = await this.prepare(messages)
    await this.#routing.know(prepared.flat().map(({ queue }) => queue))
    await transaction.query(sql.publish, [...publishParameters(prepared), null, null])
    // Told by the server when it commits, and only then.
    await transaction.query(sql.ringWithin, [ringPayload(ringOf(prepared.flat(), Date.now()))])
  }

  /** Routes messages and writes their rows; throws a MessageError for one that has no queue. */
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

  /** One statement after the other, so that a number says of all before it that they were carried out, or never will be. */
  async #send(messages: Prepared): Promise<void> {
    const words = [...publishParameters(messages), this.#name, ++this.#number]
    const untilMs = systemClock.now() + PATIENCE_MS
    let lost: unknown
    for (;;) {
      try {
        return void (await this.#database.query(sql.publish, words))
      } catch (error) {
        // What was never sent is the caller's to try again.
        if (!isConnectionLoss(error) || (lost === undefined && !wasSent(error))) throw error
        lost ??= error
        if (systemClock.now() > untilMs) break
        await delay(systemClock, RETRY_MS)
      }
    }
    const ids = messages.flatMap((rows) => rows[0]?.task_id ?? [])
    throw new ConnectionError(
      `PostgreSQL (${this.#database.target.location}) was lost before it had said whether it took what was published`,
      { code: 'LVG_PUBLISH_UNCERTAIN', details: { ids }, cause: lost },
    )
  }
}
