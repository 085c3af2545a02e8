import type {
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  OnMissed,
  Queue,
  QueueDepth,
} from '../../../broker/index.js'
import { ConnectionError, type DriverOptions, type Logger, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { AmqpConnection, amqpOptionsOf, parseAmqpUrls } from '../client/index.js'
import { AmqpAdmin } from './amqp-admin.js'
import { AmqpConsumer } from './amqp-consumer.js'
import { AmqpDeadLetters } from './amqp-dead-letters.js'
import { AmqpFanout } from './amqp-fanout.js'
import { AmqpPublisher } from './amqp-publisher.js'
import { type AmqpBrokerOptions, brokerOptionsOf, type Connections } from './options.js'
import { Topology } from './topology.js'

/** The first version whose quorum queues support message TTLs; the default kind of delays needs them. */
const OLDEST_VERSION = [3, 10] as const

/**
 * Opens the broker on the RabbitMQ server of an `amqp://` or `amqps://` URL; of several URLs between semicolons, the first that answers.
 * @throws {ConfigurationError} for an invalid URL. Connects on the first operation.
 */
export async function openAmqpBroker(urls: string, { settings, logger }: DriverOptions): Promise<Broker> {
  const targets = parseAmqpUrls(urls, amqpOptionsOf(settings))
  const connections = {
    publishing: new AmqpConnection(targets, 'lovage, publishing', logger),
    consuming: new AmqpConnection(targets, 'lovage, consuming', logger),
  }
  return new AmqpBroker(connections, brokerOptionsOf(settings), logger)
}

class AmqpBroker implements Broker {
  readonly kind = 'amqp'
  readonly location: string
  readonly capabilities: BrokerCapabilities
  readonly admin: AmqpAdmin
  readonly deadLetters: AmqpDeadLetters
  readonly #connections: Connections
  readonly #options: AmqpBrokerOptions
  readonly #topology: Topology
  readonly #publisher: AmqpPublisher
  readonly #fanout: AmqpFanout
  readonly #consumers = new Set<AmqpConsumer>()
  #isClosed = false

  constructor(connections: Connections, options: AmqpBrokerOptions, logger: Logger) {
    const { publishing, consuming } = connections
    this.location = publishing.location
    this.capabilities = {
      priorities: true,
      priorityOnWire: 'rising',
      durableDelay: true,
      leases: true,
      atomicSettle: false,
      fanout: true,
      delayAtPublish: false,
      once: false,
      browsing: false,
      queueArguments: true,
      longestHoldMs: options.consumerTimeoutMs,
      shared: true,
    }
    this.#connections = connections
    this.#options = options
    this.#topology = new Topology(consuming, options, logger)
    this.#publisher = new AmqpPublisher(publishing, this.#topology, options.delays)
    this.#fanout = new AmqpFanout(connections, this.#topology, options, logger)
    this.deadLetters = new AmqpDeadLetters(consuming, this.#topology, this.#publisher, logger)
    this.admin = new AmqpAdmin(consuming, this.#topology, this.#publisher, this.deadLetters)
  }

  async check(): Promise<readonly string[]> {
    const { publishing } = this.#connections
    await (await publishing.channel()).close()
    const [major = 0, minor = 0] = publishing.version
    const [oldest, oldestMinor] = OLDEST_VERSION
    const advice: string[] = []
    if (major < oldest || (major === oldest && minor < oldestMinor))
      advice.push(
        `This RabbitMQ is older than ${OLDEST_VERSION.join('.')}: set brokerNativeDelayedDeliveryQueueType to 'classic'.`,
      )
    if (publishing.blocked !== undefined)
      advice.push(`RabbitMQ is not accepting messages: ${publishing.blocked}.`)
    return advice
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    this.#mustBeOpen()
    await this.#topology.declare(queues)
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    this.#mustBeOpen()
    await this.#publisher.publish(messages)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#mustBeOpen()
    const consumer = new AmqpConsumer(options, {
      connection: this.#connections.consuming,
      topology: this.#topology,
      publisher: this.#publisher,
      deadLetters: this.deadLetters,
      options: this.#options,
      onClosed: () => this.#consumers.delete(consumer),
    })
    this.#consumers.add(consumer)
    consumer.demand()
    return consumer
  }

  async broadcast(message: OutgoingMessage): Promise<undefined> {
    this.#mustBeOpen()
    await this.#fanout.send(message)
    return undefined
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern?: string,
    onMissed?: OnMissed,
  ): Promise<Unsubscribe> {
    this.#mustBeOpen()
    return this.#fanout.subscribe(exchange, on, pattern, onMissed)
  }

  async reply(message: OutgoingMessage): Promise<void> {
    this.#mustBeOpen()
    await this.#fanout.reply(message)
  }

  async inbox(
    exchange: string,
    routingKey: string,
    on: (message: IncomingMessage) => void,
  ): Promise<Unsubscribe> {
    this.#mustBeOpen()
    return this.#fanout.inbox(exchange, routingKey, on)
  }

  async depths(queues: readonly string[]): Promise<ReadonlyMap<string, QueueDepth>> {
    return this.admin.depths(queues)
  }

  async purge(queue: string, see?: (message: IncomingMessage) => void): Promise<number> {
    return this.admin.purge(queue, see)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const consumer of this.#consumers) await consumer.close()
    await this.#fanout.close()
    await Promise.all([this.#connections.publishing.close(), this.#connections.consuming.close()])
  }

  #mustBeOpen(): void {
    if (this.#isClosed)
      throw new ConnectionError(`The connection to RabbitMQ was closed (${this.location})`, {
        code: 'LVG_CONNECTION_CLOSED',
      })
  }
}
