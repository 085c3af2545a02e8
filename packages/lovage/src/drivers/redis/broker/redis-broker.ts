import type {
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  DepthOptions,
  OnMissed,
  Queue,
  QueueAdmin,
  QueueDepth,
} from '../../../broker/index.js'
import {
  ConfigurationError,
  type DriverOptions,
  type Logger,
  newId,
  type Unsubscribe,
} from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { withoutRepetition } from '../../../process/index.js'
import { keptLease, LeasedConsumer, LeaseKeeper } from '../../shared/index.js'
import {
  isConnectionLoss,
  parseRedisUrl,
  RedisConnection,
  RedisSubscriber,
  type RedisTarget,
  redisOptionsOf,
  resultWriterOf,
} from '../client/index.js'
import { checkServer } from './check.js'
import { checkCluster } from './check-cluster.js'
import { ClusterClaimPort } from './cluster-claim-port.js'
import { ClusterPublisher } from './cluster-publisher.js'
import { Inboxes } from './inbox.js'
import type { RedisLeaseData } from './lease-thread.js'
import { PlacePerQueue } from './place-per-queue.js'
import { onePlace, type Places } from './places.js'
import { RedisAdmin } from './redis-admin.js'
import { RedisClaimPort } from './redis-claim-port.js'
import { RedisDeadLetters } from './redis-dead-letters.js'
import { RedisFanout } from './redis-fanout.js'
import { type KeyOptions, keyOptionsOf, RedisKeys } from './redis-keys.js'
import { RedisPublisher } from './redis-publisher.js'
import { RedisRouting } from './redis-routing.js'
import { RENEW } from './scripts.js'

const LEASE_THREAD = new URL('./lease-thread.js', import.meta.url)

/** Opens a broker on Redis; the first operation connects. Throws a ConfigurationError for an invalid URL or option. */
export async function openRedisBroker(url: string, { settings, logger }: DriverOptions): Promise<Broker> {
  const names = { transport: 'brokerTransportOptions', ssl: 'brokerUseSsl' } as const
  const options = redisOptionsOf(settings, names)
  const target = parseRedisUrl(url, options)
  if (options.layout === 'slot-per-queue' && target.cluster === undefined)
    throw new ConfigurationError(`${target.location} is not a Cluster: it has no slot per queue`, {
      code: 'LVG_CONFIG_INVALID',
      details: { location: target.location },
      hint: 'Write the URL as redis+cluster://host:port, or remove cluster from brokerTransportOptions.',
    })
  return new RedisBroker(target, keyOptionsOf(settings), logger)
}

/** About 32 kB of small messages. */
const PUBLISH_BATCH = 48
/** Where several nodes share a batch: about a packet for each of three. */
const PUBLISH_BATCH_ACROSS = 3 * PUBLISH_BATCH

/** Celery's Redis transport, on kombu's keys. */
class RedisBroker implements Broker {
  readonly kind = 'redis'
  readonly location: string
  readonly capabilities: BrokerCapabilities
  readonly deadLetters: RedisDeadLetters
  readonly #target: RedisTarget
  readonly #keyOptions: KeyOptions
  readonly #keys: RedisKeys
  readonly #connection: RedisConnection
  readonly #subscriber: RedisSubscriber
  readonly #keeper: LeaseKeeper<RedisLeaseData>
  readonly #routing: RedisRouting
  readonly #publisher: RedisPublisher | ClusterPublisher
  /** Where a Cluster has a slot per queue. */
  readonly #perQueue: PlacePerQueue | undefined
  readonly #fanout: RedisFanout
  readonly #inboxes: Inboxes
  readonly #admin: RedisAdmin
  readonly #consumers = new Set<LeasedConsumer>()

  constructor(target: RedisTarget, keyOptions: KeyOptions, logger: Logger) {
    this.location = target.location
    this.#target = target
    this.#keyOptions = keyOptions
    this.#keys = new RedisKeys(target.keyPrefix, target.db, keyOptions)
    this.#connection = new RedisConnection(target, 'lovage:broker')
    this.#subscriber = new RedisSubscriber(target, 'lovage:subscriber')
    this.#keeper = new LeaseKeeper(LEASE_THREAD, { target, keyOptions })
    this.#perQueue =
      target.queuePrefix === undefined
        ? undefined
        : new PlacePerQueue(target, keyOptions, 'lovage:broker', this.#connection)
    const places: Places = this.#perQueue ?? onePlace({ connection: this.#connection, keys: this.#keys })
    this.#routing = new RedisRouting(this.#connection, this.#keys, this.#perQueue && listsOf(this.#perQueue))
    this.#publisher = this.#perQueue
      ? new ClusterPublisher(this.#perQueue, this.#routing)
      : new RedisPublisher(this.#connection, this.#keys, this.#routing)
    this.capabilities = {
      priorities: true,
      durableDelay: true,
      leases: true,
      // A transaction cannot span slots.
      atomicSettle: this.#perQueue ? 'own-queue' : true,
      fanout: true,
      delayAtPublish: false,
      once: true,
      browsing: true,
      shared: true,
      publishBatch: this.#perQueue ? PUBLISH_BATCH_ACROSS : PUBLISH_BATCH,
    }
    this.#fanout = new RedisFanout(this.#connection, this.#subscriber, this.#keys, logger)
    this.#inboxes = new Inboxes(target, this.#connection, this.#routing, this.#keys, logger)
    this.#admin = new RedisAdmin(places)
    this.deadLetters = new RedisDeadLetters(this.#connection, this.#keys)
  }

  get admin(): QueueAdmin {
    return this.#admin
  }

  check(): Promise<readonly string[]> {
    const { cluster, location } = this.#target
    return cluster
      ? checkCluster(this.#target)
      : checkServer((name, ...words) => this.#connection.command(name, ...words), { location, isNode: false })
  }

  declare(queues: readonly Queue[]): Promise<void> {
    return this.#routing.declare(queues)
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    return this.#publisher.publish(messages)
  }

  async consume(given: ConsumeOptions): Promise<Consumer> {
    const options = { ...given, onError: withoutRepetition(given.onError, given.clock) }
    if (this.#perQueue) return this.#consumeAcross(given, options)
    const { holder, leaseMs, visibilityTimeoutMs } = options
    const { holders, unackedIndex } = this.#keys
    const connection = new RedisConnection(this.#target, 'lovage:consumer')
    try {
      await connection.command('ping')
      await this.#keeper.keep(keptLease(options, Math.min(leaseMs, visibilityTimeoutMs) / 3), {
        renew: () =>
          RENEW.run(connection, [holders, this.#keys.held(holder), unackedIndex], [holder, leaseMs]),
        onError: options.onError,
        // Reported by the connection itself.
        isOutage: (error) => isConnectionLoss(error) || connection.isClosed,
      })
      const port = new RedisClaimPort(connection, options, {
        keys: this.#keys,
        routing: this.#routing,
        subscriber: this.#subscriber,
        writer: resultWriterOf(options.results, this.#target.server),
      })
      const consumer = await LeasedConsumer.start(port, given, {
        release: () => this.#keeper.release(holder),
        onClosed: (closed) => this.#consumers.delete(closed),
      })
      this.#consumers.add(consumer)
      return consumer
    } catch (error) {
      connection.close()
      this.#keeper.release(holder)
      throw error
    }
  }

  async #consumeAcross(given: ConsumeOptions, options: ConsumeOptions): Promise<Consumer> {
    const places = new PlacePerQueue(this.#target, this.#keyOptions, 'lovage:consumer')
    const port = new ClusterClaimPort(options, {
      places,
      routing: this.#routing,
      subscriber: this.#subscriber,
      publisher: this.#publisher,
      deadLetters: this.deadLetters,
      keeper: this.#keeper,
    })
    try {
      await port.open(options.queues)
      const consumer = await LeasedConsumer.start(port, given, {
        release: () => port.release(),
        onClosed: (closed) => this.#consumers.delete(closed),
      })
      this.#consumers.add(consumer)
      return consumer
    } catch (error) {
      places.nodes.close()
      port.release()
      throw error
    }
  }

  broadcast(message: OutgoingMessage): Promise<number | undefined> {
    return this.#fanout.broadcast(message)
  }

  subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern?: string,
    onMissed?: OnMissed,
  ): Promise<Unsubscribe> {
    return this.#fanout.subscribe(exchange, on, pattern, onMissed)
  }

  reply(message: OutgoingMessage): Promise<void> {
    return this.#inboxes.reply(message, newId())
  }

  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe> {
    return this.#inboxes.open(exchange, routingKey, on)
  }

  depths(queues: readonly string[], options?: DepthOptions): Promise<ReadonlyMap<string, QueueDepth>> {
    return this.#admin.depths(queues, options)
  }

  purge(queue: string): Promise<number> {
    return this.#admin.purge(queue)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    if (this.#connection.isReady) await this.#routing.removeTemporary()
    this.#subscriber.close()
    this.#connection.close()
    this.#perQueue?.nodes.close()
    await this.#keeper.close()
  }
}

/** Removes a queue's lists from its slot. */
const listsOf =
  (places: PlacePerQueue) =>
  (queue: string): Promise<unknown> => {
    const { connection, keys } = places.of(queue)
    return connection.command('del', ...keys.lists(queue))
  }
