import type {
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  DepthOptions,
  Queue,
  QueueDepth,
} from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import { ConnectionError, type DriverOptions, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { LeasedConsumer, type OpenOther } from '../../shared/index.js'
import { SqsClient, sqsOptionsOf } from '../client/index.js'
import { Companion } from './companion.js'
import { forwardingConsumer } from './forwarding-consumer.js'
import { SqsAdmin } from './sqs-admin.js'
import { SqsClaimPort } from './sqs-claim-port.js'
import { SqsPublisher } from './sqs-publisher.js'
import { isMissing, SqsQueues } from './sqs-queues.js'

/** SQS lets nobody hold a message for longer. */
const LONGEST_HOLD_MS = 43_200_000

/**
 * Opens the broker on Amazon SQS that an `sqs://` URL names, and its companion, the broker at `coordinationUrl`.
 * @throws {ConfigurationError} for an invalid URL or option. SQS itself is asked by the first operation.
 */
export async function openSqsBroker(
  url: string,
  { settings }: DriverOptions,
  openOther?: OpenOther,
): Promise<Broker> {
  const options = sqsOptionsOf(url, settings)
  const { coordinationUrl, deadLetterUrl } = settings
  const hasCompanion = typeof coordinationUrl === 'string' && coordinationUrl !== ''
  const companion = hasCompanion ? await openOther?.(coordinationUrl) : undefined
  return new SqsBroker(new SqsClient(options), companion, typeof deadLetterUrl === 'string')
}

class SqsBroker implements Broker {
  readonly kind = 'sqs'
  readonly location: string
  readonly capabilities: BrokerCapabilities
  readonly admin: SqsAdmin
  readonly #client: SqsClient
  readonly #queues: SqsQueues
  readonly #publisher: SqsPublisher
  readonly #companion: Companion
  readonly #keepsLettersElsewhere: boolean
  readonly #consumers = new Set<LeasedConsumer>()
  #isClosed = false

  constructor(client: SqsClient, companion: Broker | undefined, keepsLettersElsewhere: boolean) {
    this.location = client.options.location
    this.capabilities = {
      priorities: false,
      durableDelay: true,
      leases: true,
      atomicSettle: false,
      fanout: companion?.capabilities.fanout ?? false,
      delayAtPublish: true,
      once: false,
      browsing: false,
      longestHoldMs: LONGEST_HOLD_MS,
      shared: true,
    }
    this.#client = client
    this.#queues = new SqsQueues(client)
    this.#publisher = new SqsPublisher(client, this.#queues)
    this.#companion = new Companion(companion, client, this.#queues, this.#publisher)
    this.#keepsLettersElsewhere = keepsLettersElsewhere
    this.admin = new SqsAdmin(client, this.#queues, this.#publisher, this.#companion)
  }

  get deadLetters(): DeadLetterStore {
    return this.#companion.letters
  }

  async check(): Promise<readonly string[]> {
    const advice = [...((await this.#companion.broker?.check()) ?? [])]
    try {
      // Needs no more than producers need.
      await this.#client.urlOf(this.#queues.entityName('lovage-check'))
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    if (!this.#companion.hasLater)
      advice.push(
        'coordinationUrl is not set: SQS has no remote control and no events, and tasks due after more than 15 minutes pass through a worker every 15 minutes.',
      )
    return advice
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    this.#mustBeOpen()
    await this.#queues.declare(queues)
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    this.#mustBeOpen()
    await this.#companion.publish(messages)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#mustBeOpen()
    // Before a task runs whose letter nobody could keep.
    if (!this.#keepsLettersElsewhere) this.#companion.required('a worker’s dead letters')
    await Promise.all(options.queues.map((queue) => this.#queues.get(queue)))
    const port = new SqsClaimPort(options, {
      client: this.#client,
      queues: this.#queues,
      publisher: this.#publisher,
      companion: this.#companion,
    })
    const forwarding = await this.#companion.forward(options)
    // Last: its first delivery comes when the caller has it.
    const consumer = await LeasedConsumer.start(port, options, {
      release: () => {},
      onClosed: (closed) => this.#consumers.delete(closed),
    })
    this.#consumers.add(consumer)
    return forwardingConsumer(consumer, forwarding)
  }

  async broadcast(message: OutgoingMessage): Promise<number | undefined> {
    return this.#companion.required('broadcasts').broadcast(message)
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern?: string,
  ): Promise<Unsubscribe> {
    return this.#companion.required('remote control and events').subscribe(exchange, on, pattern)
  }

  async reply(message: OutgoingMessage): Promise<void> {
    await this.#companion.required('replies').reply(message)
  }

  async inbox(
    exchange: string,
    routingKey: string,
    on: (message: IncomingMessage) => void,
  ): Promise<Unsubscribe> {
    return this.#companion.required('replies').inbox(exchange, routingKey, on)
  }

  depths(queues: readonly string[], options?: DepthOptions): Promise<ReadonlyMap<string, QueueDepth>> {
    return this.admin.depths(queues, options)
  }

  purge(queue: string, see?: (message: IncomingMessage) => void): Promise<number> {
    return this.admin.purge(queue, see)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    await this.#companion.broker?.close()
    this.#client.close()
  }

  #mustBeOpen(): void {
    if (this.#isClosed)
      throw new ConnectionError(`The connection to SQS was closed (${this.location})`, {
        code: 'LVG_CONNECTION_CLOSED',
      })
  }
}
