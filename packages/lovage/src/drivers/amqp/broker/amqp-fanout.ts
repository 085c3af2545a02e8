import type { OnMissed } from '../../../broker/index.js'
import { holdProcess, isLovageError, type Logger, newId, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { matchesTopic } from '../../shared/index.js'
import {
  type AmqpChannel,
  type AmqpConnection,
  type AmqpQueue,
  Patience,
  type PublishingChannel,
  refusalOf,
} from '../client/index.js'
import { blockedError } from './amqp-publisher.js'
import type { AmqpBrokerOptions, Connections, PassingOptions } from './options.js'
import type { ExchangeKind, Topology } from './topology.js'
import { failureOf } from './untaken.js'
import { fromWire, toWire } from './wire-message.js'

/** How often a listener binds its queue again: an exchange that is deleted takes its bindings with it, and the server reports that to none. */
const BIND_AGAIN_MS = 10_000

type Hear = (message: IncomingMessage) => void

/** A queue of one listener, as Celery declares it. */
interface Listening {
  /** The suffix of its queue's name, and how that queue is declared. */
  readonly name: (own: string) => string
  readonly passing: PassingOptions
  /** The name's own part on the first connection; a lost connection may hold its queue for a while. */
  readonly own: string
  readonly exchange: string
  readonly kind: ExchangeKind
  readonly bindingKey: string
  readonly hear: Hear
  readonly onMissed?: OnMissed | undefined
}

/** Exchanges whose messages reach the current listeners: remote control, replies, events, broadcast tasks. */
export class AmqpFanout {
  readonly #publishing: AmqpConnection
  readonly #consuming: AmqpConnection
  readonly #topology: Topology
  readonly #options: AmqpBrokerOptions
  readonly #logger: Logger
  readonly #endings = new Set<() => Promise<void>>()
  #channel: Promise<PublishingChannel> | undefined

  constructor(connections: Connections, topology: Topology, options: AmqpBrokerOptions, logger: Logger) {
    this.#publishing = connections.publishing
    this.#consuming = connections.consuming
    this.#topology = topology
    this.#options = options
    this.#logger = logger
  }

  /** Sends, and resolves when the server has the message; the number of listeners is unknown. A deleted exchange is declared again. */
  async send(message: OutgoingMessage, kind: ExchangeKind = kindOf(message.exchange)): Promise<void> {
    const { exchange, routingKey } = message
    const publication = { exchange, routingKey, ...toWire(message) }
    for (let isRepeat = false; ; isRepeat = true) {
      await this.#topology.ensureExchange(exchange, kind)
      // Otherwise it would wait in our memory without a limit.
      if (this.#publishing.blocked !== undefined) throw blockedError(this.#publishing)
      this.#channel ??= this.#open()
      const channel = await this.#channel
      const [untaken] = await this.#unlessBlocked(channel.publish([publication]))
      if (!untaken) return
      const mayRepeat = untaken.why === 'unsent' || refusalOf(untaken.error) === 404
      if (!mayRepeat || isRepeat)
        throw failureOf([{ ...untaken, publication, id: undefined }], this.#publishing.location)
      this.#topology.forget()
    }
  }

  /** Rejects when the server stops reading meanwhile: callers must not wait for messages that others may miss. */
  #unlessBlocked<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const stop = this.#publishing.onBlocked(() => {
        stop()
        reject(blockedError(this.#publishing))
      })
      work.then(resolve, reject).finally(stop)
    })
  }

  subscribe(exchange: string, hear: Hear, pattern = '#', onMissed?: OnMissed): Promise<Unsubscribe> {
    const kind = kindOf(exchange)
    const isTopic = kind.type === 'topic'
    return this.#listen({
      own: newId(),
      name: (own) => (isTopic ? `${exchange}.${own}` : `${own}.${exchange}`),
      passing: isTopic ? this.#options.events : this.#options.control,
      exchange,
      kind,
      bindingKey: isTopic ? pattern : '',
      // Fanout exchanges ignore routing keys: a listener for some of them filters for itself.
      hear: isTopic ? hear : (message) => matchesTopic(pattern, message.routingKey) && hear(message),
      onMissed,
    })
  }

  inbox(exchange: string, routingKey: string, hear: Hear): Promise<Unsubscribe> {
    return this.#listen({
      own: routingKey,
      name: (own) => `${own}.${exchange}`,
      passing: this.#options.control,
      exchange,
      kind: DIRECT,
      bindingKey: routingKey,
      hear,
    })
  }

  /** Replies; a caller that no longer waits is not an error. */
  reply(message: OutgoingMessage): Promise<void> {
    return this.send(message, DIRECT)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#endings].map((end) => end()))
  }

  #open(): Promise<PublishingChannel> {
    const opening = this.#publishing.publishingChannel()
    const ended = (): void => {
      if (this.#channel === opening) this.#channel = undefined
    }
    opening.then(
      (channel) =>
        channel.onClosed(() => {
          // A declared exchange may have been deleted.
          this.#topology.forget()
          ended()
        }),
      ended,
    )
    return opening
  }

  /** Listens until it is closed, also on later connections; rejects only when it cannot start. */
  async #listen(listening: Listening): Promise<Unsubscribe> {
    let isEnded = false
    let channel = await this.#first(listening, () => !isEnded)
    const patience = new Patience()
    patience.began()
    const again = async (): Promise<void> => {
      const lostMs = performance.now()
      this.#topology.forget()
      while (!isEnded) {
        try {
          await patience.wait()
          channel = await this.#begin(listening, () => !isEnded)
          if (isEnded) return void channel.close().catch(() => {})
          patience.began()
          listening.onMissed?.(performance.now() - lostMs)
          return void channel.onClosed(lost)
        } catch (error) {
          if (isLovageError(error) && error.code === 'LVG_CONNECTION_CLOSED') return
          this.#logger.debug({ err: error, exchange: listening.exchange }, 'could not subscribe; retrying')
          patience.failed()
        }
      }
    }
    const lost = (): void => {
      patience.failed()
      if (!isEnded) void again()
    }
    channel.onClosed(lost)
    const release = holdProcess()
    const end = async (): Promise<void> => {
      if (isEnded) return
      isEnded = true
      release()
      this.#endings.delete(end)
      // The queue is deleted with its last consumer.
      await channel.close().catch(() => {})
    }
    this.#endings.add(end)
    return () => void end()
  }

  /** An exchange that this process has declared may have been deleted since. */
  async #first(listening: Listening, isWanted: () => boolean): Promise<AmqpChannel> {
    try {
      return await this.#begin(listening, isWanted, true)
    } catch (error) {
      if (refusalOf(error) !== 404) throw error
      this.#topology.forget()
      return this.#begin(listening, isWanted)
    }
  }

  async #begin(listening: Listening, isWanted: () => boolean, isFirst = false): Promise<AmqpChannel> {
    const { own, name, passing, exchange, kind, bindingKey, hear } = listening
    await this.#topology.ensureExchange(exchange, kind)
    const channel = await this.#consuming.channel()
    const queue = passingQueue(name(isFirst ? own : newId()), passing, this.#consuming.version)
    await channel.declareQueue(queue)
    await channel.bindQueue(queue.name, exchange, bindingKey)
    await channel.consume(queue.name, {
      noAck: true,
      onDelivery: (delivery) => {
        if (!isWanted()) return
        try {
          const message = fromWire(delivery, queue.name)
          if (isLovageError(message))
            return this.#logger.warn({ err: message, exchange }, 'received something that is not a message')
          hear(message)
        } catch (error) {
          this.#logger.error({ err: error, exchange }, 'a listener failed')
        }
      },
      onCancelled: () => void channel.close().catch(() => {}),
    })
    const rebind = (): void =>
      void channel.bindQueue(queue.name, exchange, bindingKey).catch((error: unknown) => {
        // Its channel is closed now, and another one opened.
        this.#logger.debug({ err: error, exchange }, 'could not bind the queue of a listener again')
      })
    const timer = setInterval(rebind, BIND_AGAIN_MS).unref()
    channel.onClosed(() => clearInterval(timer))
    return channel
  }
}

/** Between one caller and its repliers: kombu's pidbox. */
const DIRECT: ExchangeKind = { type: 'direct', durable: false }

/** As Celery declares them; any exchange that is not Celery's is for broadcast tasks, which Python declares the same way. */
function kindOf(exchange: string): ExchangeKind {
  if (exchange.endsWith('.pidbox')) return { type: 'fanout', durable: false }
  if (exchange.startsWith('celeryev')) return { type: 'topic', durable: true }
  return { type: 'fanout', durable: true }
}

/** A queue that is deleted with its listener, and keeps little. */
function passingQueue(
  name: string,
  { ttlMs, expiresMs, kind }: PassingOptions,
  version: readonly number[],
): AmqpQueue {
  const [major = 0, minor = 0] = version
  const takesNeither = major < 4 || (major === 4 && minor < 3)
  const isExclusive = kind === 'exclusive'
  return {
    name,
    exclusive: isExclusive,
    durable: kind === 'durable' || (kind === 'neither' && !takesNeither),
    autoDelete: true,
    arguments: { 'x-message-ttl': ttlMs, ...(isExclusive ? {} : { 'x-expires': expiresMs }) },
  }
}
