import type { Broker, ConsumeOptions, Consumer, Delivery } from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import { ConfigurationError, crashPoint, isLovageError } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { type ConsumerState, persist } from '../../shared/index.js'
import type { SqsClient } from '../client/index.js'
import { LONGEST_DELAY_MS, type SqsPublisher } from './sqs-publisher.js'
import type { SqsQueues } from './sqs-queues.js'
import { encoded, type Sending, sendingOf } from './wire.js'

/** The most delayed messages on their way from the companion to SQS, in one consumer. */
const AT_ONCE = 200
/** Where a message goes when it is due; in the companion only. */
const ROUTE = 'x-lovage-route'

/**
 * What SQS cannot do, done by another broker: messages wait there for more than 15 minutes, and dead letters, broadcasts and replies are
 * its own. Each worker sends on what is due for its queues: first to SQS, then it is acknowledged, so that a crash in between sends
 * twice and loses nothing.
 */
export class Companion {
  readonly broker: Broker | undefined
  readonly #client: SqsClient
  readonly #queues: SqsQueues
  readonly #publisher: SqsPublisher

  constructor(broker: Broker | undefined, client: SqsClient, queues: SqsQueues, publisher: SqsPublisher) {
    this.broker = broker
    this.#client = client
    this.#queues = queues
    this.#publisher = publisher
  }

  get hasLater(): boolean {
    return this.broker !== undefined
  }

  get letters(): DeadLetterStore {
    if (this.broker) return this.broker.deadLetters
    const refuse = async (): Promise<never> => {
      throw needed('dead letters')
    }
    return { add: refuse, list: refuse, count: refuse, take: refuse }
  }

  /** @throws {ConfigurationError} when there is none. */
  required(what: string): Broker {
    if (this.broker) return this.broker
    throw needed(what)
  }

  /** Whether a message that is due in this time waits in the companion rather than in SQS. */
  keepsLater(isFifo: boolean, leftMs: number): boolean {
    return this.hasLater && leftMs > (isFifo ? 0 : LONGEST_DELAY_MS)
  }

  /** Publishes: what is due late to the companion, everything else to SQS. */
  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const nowMs = Date.now()
    const late: OutgoingMessage[] = []
    const soon: OutgoingMessage[] = []
    for (const message of messages) {
      const { dueMs } = message
      const leftMs = dueMs === undefined ? 0 : dueMs - nowMs
      const queues = leftMs > 0 && this.hasLater ? this.#queues.route(message) : []
      const far = queues.filter((queue) => this.keepsLater(queue.endsWith('.fifo'), leftMs))
      for (const queue of far) late.push(this.#kept(queue, message, dueMs))
      if (far.length === 0) soon.push(message)
      else
        for (const queue of queues)
          if (!far.includes(queue)) soon.push({ ...message, exchange: '', routingKey: queue })
    }
    await Promise.all([
      late.length > 0 ? this.required('delays').publish(late) : undefined,
      soon.length > 0 ? this.#publisher.publish(soon) : undefined,
    ])
  }

  /** Keeps a message for a queue until then. */
  async keep(queue: string, message: OutgoingMessage, untilMs: number): Promise<void> {
    await this.required('delays').publish([this.#kept(queue, message, untilMs)])
  }

  /** The companion's queue of what is due late in a queue. */
  nameOf(queue: string): string {
    return `sqs.later.${this.#queues.entityName(queue)}`
  }

  /** Counts of what waits there for these queues. */
  async waiting(
    queues: readonly string[],
    dueByMs?: number,
  ): Promise<ReadonlyMap<string, { readonly delayed: number; readonly due?: number }>> {
    if (!this.broker) return new Map()
    const names = queues.map((queue) => this.nameOf(queue))
    const depths = await this.broker.depths(names, dueByMs === undefined ? {} : { dueByMs })
    return new Map(
      queues.map((queue) => {
        const { ready = 0, delayed = 0, due } = depths.get(this.nameOf(queue)) ?? {}
        return [queue, { delayed: ready + delayed, ...(due === undefined ? {} : { due: ready + due }) }]
      }),
    )
  }

  async purge(queue: string): Promise<number> {
    return (await this.broker?.purge(this.nameOf(queue))) ?? 0
  }

  /** Sends on what is due for these queues, until it is closed; undefined without a companion. */
  async forward(options: ConsumeOptions): Promise<Forwarding | undefined> {
    if (!this.broker) return undefined
    const forwarding = new Forwarding(this, options, (queue, delivery) => this.#sendOn(queue, delivery))
    await forwarding.start(this.broker)
    return forwarding
  }

  async #sendOn(queue: string, delivery: readonly Delivery[]): Promise<void> {
    await this.#publisher.send(
      queue,
      delivery.map(({ message, raw }): Sending => {
        const { isBase64 } = this.#client.options
        // What cannot be read here is a dead letter there.
        return isLovageError(message)
          ? { body: encoded(raw, isBase64) }
          : sendingOf(restored(message), isBase64)
      }),
    )
  }

  #kept(queue: string, message: OutgoingMessage, dueMs: number | undefined): OutgoingMessage {
    const { exchange, routingKey, once: _, ...rest } = message
    return {
      ...rest,
      headers: { ...message.headers, [ROUTE]: [exchange, routingKey] },
      exchange: '',
      routingKey: this.nameOf(queue),
      ...(dueMs === undefined ? {} : { dueMs }),
    }
  }
}

/** The message as it was before it waited. */
function restored({ redelivered: _, ...message }: IncomingMessage): OutgoingMessage {
  const { [ROUTE]: route, ...headers } = message.headers
  const [exchange, routingKey] = Array.isArray(route) ? route : []
  if (typeof exchange !== 'string' || typeof routingKey !== 'string') return { ...message, headers }
  return { ...message, headers, exchange, routingKey }
}

/** One consumer's part in sending on what is due. */
export class Forwarding {
  readonly #companion: Companion
  readonly #options: ConsumeOptions
  readonly #send: (queue: string, deliveries: readonly Delivery[]) => Promise<void>
  #consumer: Consumer | undefined
  #underWay = 0
  #state: ConsumerState = 'consuming'
  #queues: ReadonlyMap<string, string>

  constructor(
    companion: Companion,
    options: ConsumeOptions,
    send: (queue: string, deliveries: readonly Delivery[]) => Promise<void>,
  ) {
    this.#companion = companion
    this.#options = options
    this.#send = send
    this.#queues = this.#named(options.queues)
  }

  async start(broker: Broker): Promise<void> {
    const { holder, leaseMs, visibilityTimeoutMs, onError, clock, logger } = this.#options
    this.#consumer = await broker.consume({
      queues: [...this.#queues.keys()],
      holder: `${holder}.later`,
      leaseMs,
      visibilityTimeoutMs,
      free: () => AT_ONCE - this.#underWay,
      onDeliveries: (deliveries) => {
        for (const [name, some] of byQueue(deliveries)) void this.#forward(name, some)
      },
      // Another worker has it, and sends it on.
      onLost: () => {},
      onError,
      clock,
      logger,
    })
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues = this.#named(queues)
    await this.#consumer?.setQueues([...this.#queues.keys()])
  }

  async pause(): Promise<void> {
    if (this.#state === 'consuming') this.#state = 'paused'
    await this.#consumer?.pause()
  }

  async close(): Promise<void> {
    await this.pause()
    this.#state = 'closed'
    await this.#consumer?.close()
  }

  #named(queues: readonly string[]): ReadonlyMap<string, string> {
    return new Map(queues.map((queue) => [this.#companion.nameOf(queue), queue]))
  }

  async #forward(name: string, deliveries: readonly Delivery[]): Promise<void> {
    const { logger } = this.#options
    const queue = this.#queues.get(name)
    this.#underWay += deliveries.length
    try {
      const isSent =
        queue !== undefined &&
        (await persist(
          () => this.#send(queue, deliveries),
          () => this.#state,
          logger,
        ))
      crashPoint('promote:after')
      await this.#consumer?.settle(
        deliveries.map(({ tag }) =>
          isSent ? { kind: 'ack', tag } : { kind: 'requeue', tag, counts: false },
        ),
      )
    } catch (error) {
      // Not acknowledged: the companion gives it to the next worker when this lease ends.
      logger.error({ err: error, queue: name }, 'messages that are due could not be sent to SQS')
    } finally {
      this.#underWay -= deliveries.length
      this.#consumer?.demand()
    }
  }
}

function byQueue(deliveries: readonly Delivery[]): ReadonlyMap<string, readonly Delivery[]> {
  const map = new Map<string, Delivery[]>()
  for (const delivery of deliveries) map.set(delivery.queue, [...(map.get(delivery.queue) ?? []), delivery])
  return map
}

const needed = (what: string): ConfigurationError =>
  new ConfigurationError(`SQS stores messages only: ${what} need another store.`, {
    code: 'LVG_CONFIG_INVALID',
    hint: 'Set coordinationUrl to a redis:// or postgresql:// URL, in producers and workers alike.',
  })
