import { createHash } from 'node:crypto'
import { type OnMissed, priorityFromWire, priorityToWire } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type Logger, newId, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { matchesTopic, safeListener } from '../../shared/index.js'
import { Batches, type PostgresDatabase } from '../client/index.js'
import { sql } from './statements.js'

/** A notification holds 8000 bytes; a longer message is stored in a table, and its number is sent. */
const LONGEST = 7_900
const AT_ONCE = 100

/** Messages for the current listeners. */
export class PostgresFanout {
  readonly #database: PostgresDatabase
  readonly #logger: Logger
  readonly #channel: string
  readonly #batches = new Batches<string>(async (payloads) => {
    await this.#database.query(sql.broadcast, [payloads, this.#channel])
    return []
  }, AT_ONCE)

  /** `schema` contains the broker's tables: two schemas are two brokers, although notifications are per database. */
  constructor(database: PostgresDatabase, schema: string, logger: Logger) {
    // A channel's name has at most 63 bytes.
    const suffix = createHash('sha1').update(schema).digest('hex').slice(0, 16)
    this.#channel = `lovage_broadcasts_${suffix}`
    this.#database = database
    this.#logger = logger
  }

  /** PostgreSQL does not report the number of listeners. */
  async broadcast(message: OutgoingMessage): Promise<undefined> {
    const raw = encodeEnvelope(message, priorityToWire, newId())
    if (Buffer.byteLength(raw) <= LONGEST) await this.#batches.add(raw)
    else {
      const [row] = await this.#database.query<{ id: number }>(sql.keepBroadcast, [raw])
      if (row) await this.#batches.add(String(row.id))
    }
    return undefined
  }

  /** Resolves once it is listening. */
  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern: string,
    onMissed?: OnMissed,
  ): Promise<Unsubscribe> {
    // In order, although a long message has to be fetched.
    let hearing = Promise.resolve()
    let isOver = false
    const hearSafely = safeListener(exchange, on, this.#logger)
    const hear = (payload: string): void => {
      hearing = hearing
        .then(() => this.#read(payload))
        .then((message) => {
          const isMeant = message?.exchange === exchange && matchesTopic(pattern, message.routingKey)
          if (message && isMeant && !isOver) hearSafely(message)
        })
        .catch((error: unknown) =>
          this.#logger.warn({ err: error, exchange }, 'a broadcast could not be read'),
        )
    }
    // An unreachable server must be reported now.
    await this.#database.query('SELECT 1')
    let isListening = false
    const stop = await new Promise<Unsubscribe>((resolve) => {
      const end = this.#database.listen(this.#channel, (payload, lostMs) => {
        if (payload !== undefined) return hear(payload)
        if (isListening && lostMs !== undefined) onMissed?.(lostMs)
        isListening = true
        resolve(() => end())
      })
    })
    return () => {
      isOver = true
      stop()
    }
  }

  async #read(payload: string): Promise<IncomingMessage | undefined> {
    const raw = /^\d+$/.test(payload)
      ? (await this.#database.query<{ raw: string }>(sql.keptBroadcast, [payload]))[0]?.raw
      : payload
    if (raw === undefined) return undefined
    const message = decodeEnvelope(raw, priorityFromWire)
    if (message instanceof Error) throw message
    return message
  }
}
