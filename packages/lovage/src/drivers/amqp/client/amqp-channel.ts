import type { Channel, ConsumeMessage, GetMessage } from 'amqplib'
import type { ConnectionError, Unsubscribe } from '../../../kernel/index.js'
import type { AmqpProperties } from './frame-writer.js'
import { type Headers, readHeaders, writeHeaders } from './headers.js'
import type { PublishingLink } from './publishing-channel.js'
import { SettlementWriter } from './settlement-writer.js'

/** A message as it came from a queue. */
export interface AmqpDelivery {
  /** The number of this delivery on its channel; what `ack` takes. */
  readonly tag: number
  readonly consumerTag: string
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly properties: AmqpProperties
  readonly headers: Headers
  readonly body: Buffer
}

/** How a queue is declared; the arguments of one that exists must be the same. */
export interface AmqpQueue {
  readonly name: string
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  readonly arguments?: Headers
}

/** How an exchange is declared. */
export interface AmqpExchange {
  readonly name: string
  readonly type: 'direct' | 'topic' | 'fanout'
  readonly durable?: boolean
  /** Gets what comes here and has nowhere to go. */
  readonly alternateExchange?: string
}

/** How a queue is consumed. */
export interface AmqpConsume {
  /** Deliveries need no ack. Default false. */
  readonly noAck?: boolean
  /** Nobody else may consume. Default false. */
  readonly exclusive?: boolean
  readonly onDelivery: (delivery: AmqpDelivery) => void
  /** The server ended it: the queue is gone, or moved. */
  readonly onCancelled?: () => void
}

/** What a channel is made with. */
export interface ChannelParts {
  readonly channel: Channel
  /** Its number on its connection. */
  readonly number: number
  readonly link: PublishingLink
  /** Makes an error of ours of what the library throws. */
  readonly error: (thrown: unknown) => ConnectionError
  /** Keeps the process alive until the work has ended. */
  readonly awaited: <Result>(work: Promise<Result>) => Promise<Result>
}

let consumers = 0

/**
 * A channel: the unit in which AMQP numbers deliveries, orders operations, and fails. What the server refuses ends the channel, not its
 * connection: the operation rejects with what the server said (`refusalOf`), and a new channel is needed.
 */
export class AmqpChannel {
  readonly #channel: Channel
  readonly #parts: ChannelParts
  readonly #settlements: SettlementWriter
  readonly #onClosed = new Set<(error: ConnectionError) => void>()
  #isClosing = false
  #closed: ConnectionError | undefined
  /** What the server said when it closed the channel. */
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

  /** Called once when the channel has ended, whoever ended it; at once when that was before. */
  onClosed(on: (error: ConnectionError) => void): Unsubscribe {
    if (this.#closed) queueMicrotask(() => this.#closed && on(this.#closed))
    else this.#onClosed.add(on)
    return () => void this.#onClosed.delete(on)
  }

  /** Makes sure that a queue exists; tells how many messages and consumers it has. */
  declareQueue(queue: AmqpQueue): Promise<{ readonly messages: number; readonly consumers: number }> {
    const { name, durable = true, autoDelete = false, exclusive = false } = queue
    const options = { durable, autoDelete, exclusive, arguments: writeHeaders(queue.arguments ?? {}) }
    return this.#call(async (channel) => countsOf(await channel.assertQueue(name, options)))
  }

  /** The same of a queue that must be there. Rejects with 404 when it is not. */
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

  /** What comes to `source` under the key goes on to `destination`. */
  async bindExchange(destination: string, source: string, routingKey: string): Promise<void> {
    await this.#call((channel) => channel.bindExchange(destination, source, routingKey))
  }

  async deleteQueue(name: string): Promise<void> {
    await this.#call((channel) => channel.deleteQueue(name))
  }

  /** Removes what waits in the queue; tells how many. */
  async purgeQueue(name: string): Promise<number> {
    return (await this.#call((channel) => channel.purgeQueue(name))).messageCount
  }

  /** How many deliveries may be unacknowledged: of each consumer that is begun from now on, or of the whole channel. 0 = any number. */
  async prefetch(count: number, ofChannel: boolean): Promise<void> {
    await this.#call((channel) => channel.prefetch(Math.min(count, 65_535), ofChannel))
  }

  /** Begins to consume; gives the consumer's name for `cancel`. */
  async consume(queue: string, options: AmqpConsume): Promise<string> {
    const { noAck = false, exclusive = false, onDelivery, onCancelled } = options
    const consumerTag = `lovage-${process.pid}-${++consumers}`
    const on = (message: ConsumeMessage | null): void =>
      message === null ? onCancelled?.() : onDelivery(deliveryOf(message))
    await this.#call((channel) => channel.consume(queue, on, { noAck, exclusive, consumerTag }))
    return consumerTag
  }

  /** Ends a consumer; what was delivered to it stays ours until it is settled. */
  async cancel(consumerTag: string): Promise<void> {
    await this.#call((channel) => channel.cancel(consumerTag))
  }

  /** One message of a queue, if there is one. */
  async get(queue: string): Promise<AmqpDelivery | undefined> {
    const message = await this.#call((channel) => channel.get(queue))
    return message === false ? undefined : deliveryOf(message)
  }

  /**
   * Settles a delivery, and with `upTo` every earlier one of this channel, at the end of this turn of the event loop. No answer comes. Throws
   * when the channel has ended.
   */
  ack(tag: number, upTo = false): void {
    this.#willFlush()
    this.#settlements.ack(tag, upTo)
  }

  /** Gives a delivery back to the head of its queue, or drops it. */
  reject(tag: number, requeue: boolean): void {
    this.#willFlush()
    this.#settlements.reject(tag, requeue)
  }

  /** Ends the channel: what was delivered on it and not settled goes back to its queue. */
  async close(): Promise<void> {
    if (!this.isOpen || this.#isClosing) return
    this.#flush()
    this.#isClosing = true
    try {
      await this.#parts.awaited(this.#channel.close())
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
    // A frame after the goodbye of its channel would end the whole connection.
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
  const { contentType, contentEncoding, deliveryMode, priority, correlationId, replyTo, expiration } =
    properties
  const headers = readHeaders(properties.headers)
  const text = (name: keyof AmqpProperties, value: unknown): AmqpProperties =>
    value === undefined ? {} : { [name]: String(value) }
  return {
    tag: fields.deliveryTag,
    consumerTag: 'consumerTag' in fields ? fields.consumerTag : '',
    redelivered: fields.redelivered,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    headers,
    body: content,
    properties: {
      headers,
      ...text('contentType', contentType),
      ...text('contentEncoding', contentEncoding),
      deliveryMode: deliveryMode === 2 ? 2 : 1,
      ...(priority === undefined ? {} : { priority }),
      ...text('correlationId', correlationId),
      ...text('replyTo', replyTo),
      ...text('expiration', expiration),
    },
  }
}
