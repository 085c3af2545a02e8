import type { Broker } from '../../../broker/index.js'
import {
  crashPoint,
  type DriverOptions,
  isLovageError,
  type Logger,
  messageOf as textOf,
} from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { readSql } from '../../../process/index.js'
import type { PostgresDatabase, Session } from '../client/index.js'
import { messageOf, type OutboxRow, queuesOf } from './outbox-row.js'

const sql = readSql(new URL('./outbox.sql', import.meta.url), ['put', 'find', 'ring', 'take', 'drop', 'fail'])
export const { put: PUT, find: FIND, ring: RING } = sql

/** Messages that one transaction moves. */
const AT_ONCE = 500
/** Every relay polls this often, regardless of rings. */
const POLL_MS = 2_000

/**
 * Moves messages from the outbox to the broker: published first, removed after, so that a crash in between publishes them again
 * under the same ids. Any number of relays share the work.
 */
export class Relay {
  readonly #database: PostgresDatabase
  readonly #broker: Broker
  readonly #logger: Logger
  readonly #relaying: DriverOptions['relaying']
  readonly #endings: readonly (() => void)[]
  #running: Promise<void> | undefined
  #isAskedAgain = false
  #isDown = false
  #isClosed = false

  constructor(
    database: PostgresDatabase,
    broker: Broker,
    { logger, relaying }: Pick<DriverOptions, 'logger' | 'relaying'>,
  ) {
    this.#relaying = relaying
    this.#database = database
    this.#broker = broker
    this.#logger = logger
    const poll = setInterval(() => this.wake(), POLL_MS).unref()
    this.#endings = [database.listen('lovage_outbox', () => this.wake()), () => clearInterval(poll)]
    this.wake()
  }

  /** There may be messages. */
  wake(): void {
    this.#isAskedAgain = true
    if (!this.#isClosed) this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const end of this.#endings) end()
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false
      try {
        if ((await this.#move(AT_ONCE)) === AT_ONCE) this.#isAskedAgain = true
        this.#isDown = false
      } catch (error) {
        this.#failed(error)
      }
    }
    this.#running = undefined
  }

  /** Moves up to `limit` messages; returns how many it found. */
  #move(limit: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      const rows = await session.query<OutboxRow>(sql.take, [limit])
      if (rows.length === 0) return 0
      const moved = await this.#publish(session, rows)
      crashPoint('publish:after')
      await session.query(sql.drop, [moved.map(({ id }) => id)])
      return rows.length
    })
  }

  /** Publishes rows together, or one by one when one of them cannot be published; returns those that were. */
  async #publish(session: Session, rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const messages = rows.map(messageOf)
    const readable = messages.flatMap((message) => (message instanceof Error ? [] : [message]))
    try {
      await this.#broker.declare(queuesOf(rows))
      if (readable.length === rows.length) {
        await this.#tell(readable)
        await this.#broker.publish(readable)
        return rows
      }
    } catch (error) {
      if (isAway(error)) throw error
      if (rows.length === 1) return this.#setAside(session, rows, error)
    }
    if (rows.length === 1) return this.#setAside(session, rows, messages[0])
    const moved: OutboxRow[] = []
    for (const row of rows) moved.push(...(await this.#publish(session, [row])))
    return moved
  }

  /** Calls that cannot be confirmed are published all the same: better twice than never. */
  async #tell(messages: readonly OutgoingMessage[]): Promise<void> {
    try {
      await this.#relaying?.(messages.map(({ headers }) => headers))
    } catch (error) {
      this.#logger.warn({ err: error }, 'cannot keep the keys of relayed tasks; duplicates may be sent')
    }
  }

  async #setAside(
    session: Session,
    rows: readonly OutboxRow[],
    error: unknown,
  ): Promise<readonly OutboxRow[]> {
    for (const { id } of rows) {
      await session.query(sql.fail, [id, textOf(error)])
      this.#logger.error(
        { err: error, outbox_id: id },
        'a message of the outbox cannot be published and stays there',
      )
    }
    return []
  }

  /** Each outage is reported once. */
  #failed(error: unknown): void {
    if (this.#isClosed || (this.#isDown && isAway(error))) return
    this.#isDown = isAway(error)
    this.#logger.warn({ err: error }, 'could not relay the outbox; retrying at the next poll')
  }
}

const isAway = (error: unknown): boolean => isLovageError(error) && error.name === 'ConnectionError'
