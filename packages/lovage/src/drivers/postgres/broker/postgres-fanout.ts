import { createHash, randomInt } from 'node:crypto'
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
/** The numbers of advisory locks. */
const MOST = 2 ** 31

/** A notification, and the group of the locks of those who listen for it. */
interface Notification {
  readonly payload: string
  readonly group: number
}

/** Messages for the current listeners. */
export class PostgresFanout {
  readonly #database: PostgresDatabase
  readonly #logger: Logger
  readonly #channel: string
  readonly #schema: string
  readonly #batches = new Batches<Notification, number>(async (batch) => {
    const [payloads, groups] = [batch.map(({ payload }) => payload), batch.map(({ group }) => group)]
    const rows = await this.#database.query<{ listeners: number }>(sql.broadcast, [
      payloads,
      this.#channel,
      groups,
    ])
    return rows.map(({ listeners }) => listeners)
  }, AT_ONCE)

  /** `schema` contains the broker's tables: two schemas are two brokers, although notifications are per database. */
  constructor(database: PostgresDatabase, schema: string, logger: Logger) {
    // A channel's name has at most 63 bytes.
    const suffix = createHash('sha1').update(schema).digest('hex').slice(0, 16)
    this.#channel = `lovage_broadcasts_${suffix}`
    this.#schema = schema
    this.#database = database
    this.#logger = logger
  }

  /** Counts whoever listens to the exchange, for any routing key. */
  async broadcast(message: OutgoingMessage): Promise<number> {
    const raw = encodeEnvelope(message, priorityToWire, newId())
    const payload = Buffer.byteLength(raw) <= LONGEST ? raw : await this.#keep(raw)
    return this.#batches.add({ payload, group: this.#groupOf(message.exchange) })
  }

  /** The number of a message that is too long for a notification. */
  async #keep(raw: string): Promise<string> {
    const [row] = await this.#database.query<{ id: number }>(sql.keepBroadcast, [raw])
    return String(row?.id)
  }

  /** The group of the locks of an exchange's listeners. */
  #groupOf(exchange: string): number {
    const digest = createHash('sha1').update(`lovage ${this.#schema} ${exchange}`).digest()
    return digest.readUInt32BE() % MOST
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
      const end = this.#database.listen(
        this.#channel,
        (payload, lostMs) => {
          if (payload !== undefined) return hear(payload)
          if (isListening && lostMs !== undefined) onMissed?.(lostMs)
          isListening = true
          resolve(() => end())
        },
        [this.#groupOf(exchange), randomInt(MOST)],
      )
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
