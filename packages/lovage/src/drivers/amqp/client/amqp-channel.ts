import type { Channel, ConsumeMessage, GetMessage } from 'amqplib'
import type { ConnectionError, Unsubscribe } from '../../../kernel/index.js'
import type { AmqpProperties } from './frame-writer.js'
import { type Headers, writeHeaders } from './headers.js'
import type { PublishingLink } from './publishing-channel.js'
import { SettlementWriter } from './settlement-writer.js'

/** A message as received from a queue. */
export interface AmqpDelivery {
  /** The delivery tag on its channel, which `ack` takes. */
  readonly tag: number
  readonly consumerTag: string
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly properties: AmqpProperties
  readonly headers: Headers
  readonly body: Buffer
}

/** A queue's declaration; the arguments of an existing one must be the same. */
export interface AmqpQueue {
  readonly name: string
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  readonly arguments?: Headers
}

/** An exchange's declaration. */
export interface AmqpExchange {
  readonly name: string
  readonly type: 'direct' | 'topic' | 'fanout'
  readonly durable?: boolean
  /** The alternate exchange, for messages that cannot be routed. */
  readonly alternateExchange?: string
}

/** Options of a consumer. */
export interface AmqpConsume {
  /** Deliveries need no ack. Default false. */
  readonly noAck?: boolean
  /** Exclusive: no other consumer is allowed. Default false. */
  readonly exclusive?: boolean
  readonly onDelivery: (delivery: AmqpDelivery) => void
  /** Called when the server ended it: the queue was deleted, or moved. */
  readonly onCancelled?: () => void
}

/** Dependencies of a channel. */
export interface ChannelParts {
  readonly channel: Channel
  /** Its number on its connection. */
  readonly number: number
  readonly link: PublishingLink
  /** Turns an error of the client library into one of ours. */
  readonly error: (thrown: unknown) => ConnectionError
  /** Keeps the process alive until the work has ended. */
  readonly awaited: <Result>(work: Promise<Result>) => Promise<Result>
}

let consumers = 0

/**
 * A channel: the unit in which AMQP numbers deliveries, orders operations, and fails. A refused operation closes the channel, not its
 * connection: it rejects with the server's reason (`refusalOf`), and a new channel is needed.
 */
export class AmqpChannel {
  readonly #channel: Channel
  readonly #parts: ChannelParts
  readonly #settlements: SettlementWriter
  readonly #onClosed = new Set<(error: ConnectionError) => void>()
  #isClosing = false
  #closed: ConnectionError | undefined
  /** The server's reason for closing the channel. */
  #said: ConnectionError | undefined

  constructor(parts: ChannelParts) {
    this.#channel = parts.channel
    this.#parts = parts
    this.#settlements = new SettlementWriter(parts.number, parts.link.stream)
    this.#channel.on('error', (thrown) => {
      this.#said = parts.error(thrown)
    })
    this.#channel.on('close', () => {
      this.#closed = this.#said ?? parts.error(new Error('channel closed'))
      for (const on of this.#onClosed) on(this.#closed)
      this.#onClosed.clear()
    })
  }

  get isOpen(): boolean {
    return this.#closed === undefined
  }

  /** Called once when the channel has ended, by either side; at once if it had already. */
  onClosed(on: (error: ConnectionError) => void): Unsubscribe {
    if (this.#closed) queueMicrotask(() => this.#closed && on(this.#closed))
    else this.#onClosed.add(on)
    return () => void this.#onClosed.delete(on)
  }

  /** Ensures that a queue exists; returns its message and consumer counts. */
  declareQueue(queue: AmqpQueue): Promise<{ readonly messages: number; readonly consumers: number }> {
    const { name, durable = true, autoDelete = false, exclusive = false } = queue
    const options = { durable, autoDelete, exclusive, arguments: writeHeaders(queue.arguments ?? {}) }
    return this.#call(async (channel) => countsOf(await channel.assertQueue(name, options)))
  }

  /** The same for a queue that must exist. Rejects with 404 when it does not. */
  inspectQueue(name: string): Promise<{ readonly messages: number; readonly consumers: number }> {
    return this.#call(async (channel) => countsOf(await channel.checkQueue(name)))
  }

  async declareExchange({ name, type, durable = true, alternateExchange }: AmqpExchange): Promise<void> {
    const alternate = alternateExchange === undefined ? {} : { alternateExchange }
    await this.#call((channel) => channel.assertExchange(name, type, { durable, ...alternate }))
  }

  /** Rejects with 404 when the exchange does not exist. */
  async inspectExchange(name: string): Promise<void> {
    await this.#call((channel) => channel.checkExchange(name))
  }

  async bindQueue(queue: string, exchange: string, routingKey: string): Promise<void> {
    await this.#call((channel) => channel.bindQueue(queue, exchange, routingKey))
  }

  async unbindQueue(queue: string, exchange: string, routingKey: string): Promise<void> {
    await this.#call((channel) => channel.unbindQueue(queue, exchange, routingKey))
  }

  /** Routes messages of `source` with the key on to `destination`. */
  async bindExchange(destination: string, source: string, routingKey: string): Promise<void> {
    await this.#call((channel) => channel.bindExchange(destination, source, routingKey))
  }

  async deleteQueue(name: string): Promise<void> {
    await this.#call((channel) => channel.deleteQueue(name))
  }

  /** Removes the messages that wait in the queue; returns how many. */
  async purgeQueue(name: string): Promise<number> {
    return (await this.#call((channel) => channel.purgeQueue(name))).messageCount
  }

  /** How many deliveries may be unacknowledged: for each consumer started from now on, or for the whole channel. 0 = any number. */
  async prefetch(count: number, ofChannel: boolean): Promise<void> {
    await this.#call((channel) => channel.prefetch(Math.min(count, 65_535), ofChannel))
  }

  /** Starts consuming; returns the consumer tag for `cancel`. */
  async consume(queue: string, options: AmqpConsume): Promise<string> {
    const { noAck = false, exclusive = false, onDelivery, onCancelled } = options
    const consumerTag = `lovage-${process.pid}-${++consumers}`
    const on = (message: ConsumeMessage | null): void =>
      message === null ? onCancelled?.() : onDelivery(deliveryOf(message))
    await this.#call((channel) => channel.consume(queue, on, { noAck, exclusive, consumerTag }))
    return consumerTag
  }

  /** Ends a consumer; its deliveries stay ours until settled. */
  async cancel(consumerTag: string): Promise<void> {
    await this.#call((channel) => channel.cancel(consumerTag))
  }

  /** Gets one message of a queue, if there is one. */
  async get(queue: string): Promise<AmqpDelivery | undefined> {
    const message = await this.#call((channel) => channel.get(queue))
    return message === false ? undefined : deliveryOf(message)
  }

  /**
   * Settles a delivery, and with `upTo` every earlier one of this channel, at the end of this turn of the event loop. There is no reply.
   * Throws when the channel has ended.
   */
  ack(tag: number, upTo = false): void {
    this.#willFlush()
    this.#settlements.ack(tag, upTo)
  }

  /** Returns a delivery to the head of its queue, or drops it. */
  reject(tag: number, requeue: boolean): void {
    this.#willFlush()
    this.#settlements.reject(tag, requeue)
  }

  /** Closes the channel: unsettled deliveries go back to their queue. */
  async close(): Promise<void> {
    if (!this.isOpen || this.#isClosing) return
    this.#flush()
    this.#isClosing = true
    try {
      // If the connection is lost meanwhile, the library never settles its close.
      const ended = new Promise<void>((resolve) => this.onClosed(() => resolve()))
      await this.#parts.awaited(Promise.race([this.#channel.close(), ended]))
    } catch (thrown) {
      // It ended by itself meanwhile.
      if (this.isOpen) throw this.#parts.error(thrown)
    }
  }

  #open(): Channel {
    if (this.#closed) throw this.#closed
    return this.#channel
  }

  #willFlush(): void {
    // A frame after its channel's close would end the whole connection.
    if (this.#closed || this.#isClosing) throw this.#failure(new Error('channel closed'))
    if (!this.#settlements.isWaiting) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    if (this.#closed || this.#isClosing || !this.#settlements.isWaiting) return
    this.#parts.link.sentSinceLastCheck = true
    this.#settlements.flush()
  }

  async #call<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
    try {
      return await this.#parts.awaited(work(this.#open()))
    } catch (thrown) {
      throw this.#failure(thrown)
    }
  }

  #failure(thrown: unknown): ConnectionError {
    return this.#said ?? this.#closed ?? this.#parts.error(thrown)
  }
}

const countsOf = (reply: { messageCount: number; consumerCount: number }) => ({
  messages: reply.messageCount,
  consumers: reply.consumerCount,
})

function deliveryOf({ content, fields, properties }: ConsumeMessage | GetMessage): AmqpDelivery {
  // Read by `HeaderReader`.
  const { headers = {} } = properties as AmqpProperties
  return {
    tag: fields.deliveryTag,
    consumerTag: 'consumerTag' in fields ? fields.consumerTag : '',
    redelivered: fields.redelivered,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    headers,
    body: content,
    properties: properties as AmqpProperties,
  }
}
