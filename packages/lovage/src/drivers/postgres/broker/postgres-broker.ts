import type {
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  DepthOptions,
  OnMissed,
  PublishTransaction,
  Queue,
  QueueDepth,
} from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { keptLease, LeasedConsumer, LeaseKeeper } from '../../shared/index.js'
import {
  isConnectionLoss,
  openPostgres,
  type PostgresDatabase,
  type PostgresOptions,
  postgresOptionsOf,
  resultWriterOf,
} from '../client/index.js'
import { DEAD_LETTER_MIGRATIONS, postgresDeadLetters } from '../letters/postgres-dead-letters.js'
import type { PostgresLeaseData } from './lease-thread.js'
import { PostgresAdmin } from './postgres-admin.js'
import { PostgresClaimPort } from './postgres-claim-port.js'
import { PostgresDoorbell } from './postgres-doorbell.js'
import { PostgresFanout } from './postgres-fanout.js'
import { PostgresPublisher } from './postgres-publisher.js'
import { PostgresRouting } from './postgres-routing.js'
import { MESSAGES, sql } from './statements.js'

const OLDEST_VERSION = 12
const LEASE_THREAD = new URL('./lease-thread.js', import.meta.url)

/**
 * Opens the broker in the database that a `postgresql://` URL names, and creates its tables. Any number of processes and machines
 * share it.
 * @throws {ConfigurationError | ConnectionError} with a one-line reason.
 */
export async function openPostgresBroker(url: string, options: DriverOptions): Promise<Broker> {
  const given = postgresOptionsOf(options.settings)
  const database = openPostgres(url, given)
  try {
    await database.migrate(MESSAGES)
    await database.migrate(DEAD_LETTER_MIGRATIONS)
    const [place] = await database.query<{ schema: string }>('SELECT current_schema() AS schema')
    return new PostgresBroker(database, place?.schema ?? '', url, given, options)
  } catch (error) {
    await database.close()
    throw error
  }
}

class PostgresBroker implements Broker {
  readonly kind = 'postgresql'
  readonly location: string
  readonly capabilities: BrokerCapabilities = {
    priorities: true,
    durableDelay: true,
    leases: true,
    atomicSettle: true,
    fanout: true,
    delayAtPublish: true,
    once: true,
    browsing: true,
    shared: true,
  }
  readonly admin: PostgresAdmin
  readonly deadLetters: DeadLetterStore
  readonly #database: PostgresDatabase
  readonly #routing: PostgresRouting
  readonly #doorbell: PostgresDoorbell
  readonly #publisher: PostgresPublisher
  readonly #fanout: PostgresFanout
  readonly #keeper: LeaseKeeper<PostgresLeaseData>
  readonly #consumers = new Set<LeasedConsumer>()

  constructor(
    database: PostgresDatabase,
    schema: string,
    url: string,
    given: PostgresOptions,
    { logger }: DriverOptions,
  ) {
    this.location = database.target.location
    this.#database = database
    this.#routing = new PostgresRouting(database)
    this.#doorbell = new PostgresDoorbell(database)
    this.#publisher = new PostgresPublisher(database, this.#routing, this.#doorbell)
    this.#fanout = new PostgresFanout(database, schema, logger)
    this.#keeper = new LeaseKeeper(LEASE_THREAD, { url, options: given })
    this.admin = new PostgresAdmin(database, this.#routing, this.#doorbell)
    this.deadLetters = postgresDeadLetters(database)
  }

  async check(): Promise<readonly string[]> {
    const [facts] = await this.#database.query<{ version: number; fsync: string; is_standby: boolean }>(
      sql.facts,
    )
    if (!facts) return []
    const advice: string[] = []
    if (facts.version < OLDEST_VERSION * 10_000)
      advice.push(`This PostgreSQL is older than ${OLDEST_VERSION}, the oldest version that Lovage supports.`)
    if (facts.fsync === 'off')
      advice.push(
        'fsync is off: accepted messages may be lost, and the database corrupted, when its machine crashes.',
      )
    if (facts.is_standby)
      advice.push('This PostgreSQL is a standby and accepts no messages: connect to the primary.')
    return advice
  }

  declare(queues: readonly Queue[]): Promise<void> {
    return this.#routing.declare(queues)
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.#publisher.publish(messages)
  }

  async publishIn(
    transaction: PublishTransaction,
    messages: readonly OutgoingMessage[],
    queues: readonly Queue[] = [],
  ): Promise<void> {
    if (queues.length > 0) await this.declare(queues)
    await this.#publisher.publishIn(transaction, messages)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    const { holder, leaseMs, results } = options
    await this.#keeper.keep(keptLease(options, leaseMs / 3), {
      renew: () => this.#database.query(sql.renew, [holder, Math.ceil(leaseMs)]),
      onError: options.onError,
      // Reported by the claims.
      isOutage: isConnectionLoss,
    })
    const port = new PostgresClaimPort(options, {
      database: this.#database,
      routing: this.#routing,
      publisher: this.#publisher,
      doorbell: this.#doorbell,
      writer: resultWriterOf(results, this.#database.target.server),
    })
    const consumer = await LeasedConsumer.start(port, options, {
      release: () => this.#keeper.release(holder),
      onClosed: (closed) => this.#consumers.delete(closed),
    })
    this.#consumers.add(consumer)
    return consumer
  }

  broadcast(message: OutgoingMessage): Promise<number> {
    return this.#fanout.broadcast(message)
  }

  subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern = '#',
    onMissed?: OnMissed,
  ): Promise<Unsubscribe> {
    return this.#fanout.subscribe(exchange, on, pattern, onMissed)
  }

  /** Replies are broadcasts here: none is kept for a caller that is gone. */
  async reply(message: OutgoingMessage): Promise<void> {
    await this.broadcast(message)
  }

  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe> {
    return this.subscribe(exchange, on, routingKey)
  }

  depths(queues: readonly string[], options?: DepthOptions): Promise<ReadonlyMap<string, QueueDepth>> {
    return this.admin.depths(queues, options)
  }

  purge(queue: string): Promise<number> {
    return this.admin.purge(queue)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    await this.#publisher.idle()
    await this.#keeper.close()
    await this.#database.close()
  }
}
