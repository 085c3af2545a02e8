import type { ConfirmChannel, Message } from 'amqplib'
import { ConnectionError, type Unsubscribe } from '../../../kernel/index.js'
import { type AmqpPublication, FrameWriter } from './frame-writer.js'
import { Unconfirmed, type Untaken } from './unconfirmed.js'

/** The part of the client library's connection that publishing uses; its types omit it. */
export interface PublishingLink {
  /** The socket. */
  readonly stream: {
    write(bytes: Buffer): unknown
    cork(): void
    uncork(): void
  }
  readonly frameMax: number
  /** Whether a heartbeat is due. */
  sentSinceLastCheck: boolean
}

/** One more look passes before the first of them, so that the last one comes before the time is over. */
const SILENT_LOOKS = 4
/** Longer timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Dependencies of a publishing channel. */
export interface PublishingParts {
  readonly channel: ConfirmChannel
  /** The number of the channel on its connection. */
  readonly number: number
  readonly link: PublishingLink
  /** Turns an error of the client library into one of ours. */
  readonly error: (thrown: unknown) => ConnectionError
  /** How long the server may leave the oldest message unanswered. */
  readonly confirmTimeoutMs: number
  /** Whether the server is known to read nothing now. */
  readonly isBlocked: () => boolean
  /** The server's URL without secrets. */
  readonly location: string
  /** Keeps the process alive until the work has ended. */
  readonly awaited: <Result>(work: Promise<Result>) => Promise<Result>
}

/**
 * A channel only for publishing, with confirms: they are counted, not awaited one by one, and all that is published in one turn of the
 * event loop leaves in one write.
 *
 * Promise: the fate of every message is reported. Taken by a queue; or not, and why; or `uncertain`, when the channel ended before the
 * server had answered. The channel ends if the server has not answered for its oldest message within `confirmTimeoutMs`, unless it is
 * blocked: RabbitMQ can lose track of a message when the leader of a quorum queue changes, and then never answers on that channel.
 */
export class PublishingChannel {
  readonly #parts: PublishingParts
  readonly #writer: FrameWriter
  readonly #unconfirmed = new Unconfirmed()
  readonly #timer: NodeJS.Timeout
  readonly #onClosed = new Set<(error: ConnectionError) => void>()
  #closed: ConnectionError | undefined
  /** The server's reason for closing the channel. */
  #said: ConnectionError | undefined
  #isScheduled = false
  #isClosing = false
  #silentLooks = 0
  #isRetired = false

  constructor(parts: PublishingParts) {
    this.#parts = parts
    this.#writer = new FrameWriter(parts.number, parts.link.frameMax)
    const { channel } = parts
    // The library's own listeners look for callbacks of messages that it has written itself.
    channel.removeAllListeners('ack').removeAllListeners('nack')
    channel.on('ack', ({ deliveryTag, multiple }: Confirm) => {
      this.#unconfirmed.taken(deliveryTag, multiple)
      this.#closeIfRetired()
    })
    channel.on('nack', ({ deliveryTag, multiple }: Confirm) => {
      this.#unconfirmed.refused(deliveryTag, multiple)
      this.#closeIfRetired()
    })
    channel.on('return', ({ fields, content }: Message) =>
      this.#unconfirmed.returned(fields.exchange, fields.routingKey, content),
    )
    channel.on('error', (thrown) => {
      this.#said = parts.error(thrown)
    })
    channel.on('close', () => this.#end(this.#said ?? parts.error(new Error('channel closed'))))
    // Looks are counted rather than time: a clock may jump, and a blocked event loop has read nothing meanwhile.
    const everyMs = Math.min(parts.confirmTimeoutMs / (SILENT_LOOKS + 1), LONGEST_TIMER_MS)
    this.#timer = setInterval(() => this.#look(), everyMs)
    this.#timer.unref()
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

  /**
   * Publishes, and resolves to the messages that were not taken, once the server has answered for all. Throws a MessageError for a message
   * that AMQP cannot carry, and then publishes none; rejects when the channel had already ended.
   */
  publish(publications: readonly AmqpPublication[]): Promise<readonly Untaken[]> {
    if (this.#closed) return Promise.reject(this.#closed)
    // A frame after its channel's close would end the whole connection.
    if (this.#isClosing) return Promise.reject(this.#parts.error(new Error('channel closed')))
    const mark = this.#writer.mark()
    try {
      for (const publication of publications) this.#writer.add(publication)
    } catch (error) {
      this.#writer.reset(mark)
      return Promise.reject(error)
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true
      queueMicrotask(() => this.#flush())
    }
    return this.#parts.awaited(this.#unconfirmed.add(publications))
  }

  /** Closes the channel once the server has answered for every message; publish nothing more on it. */
  retire(): void {
    this.#isRetired = true
    // A caller that obtained it in this turn still publishes on it.
    setImmediate(() => this.#closeIfRetired())
  }

  /** Closes the channel, after flushing what was published before. */
  async close(): Promise<void> {
    if (!this.isOpen || this.#isClosing) return
    this.#flush()
    this.#isClosing = true
    try {
      // If the connection is lost meanwhile, the library never settles its close.
      const ended = new Promise<void>((resolve) => this.onClosed(() => resolve()))
      await this.#parts.awaited(Promise.race([this.#parts.channel.close(), ended]))
    } catch (thrown) {
      // It ended by itself meanwhile.
      if (this.isOpen) throw this.#parts.error(thrown)
    }
  }

  #end(error: ConnectionError): void {
    if (this.#closed) return
    this.#closed = error
    clearInterval(this.#timer)
    this.#unconfirmed.end(error)
    for (const on of this.#onClosed) on(error)
    this.#onClosed.clear()
  }

  #closeIfRetired(): void {
    // If that fails, it ends with its connection.
    if (this.#isRetired && this.#unconfirmed.isEmpty) this.close().catch(() => {})
  }

  #look(): void {
    const owesNothing = this.#unconfirmed.takeMoved() || this.#parts.isBlocked()
    this.#silentLooks = owesNothing ? 0 : this.#silentLooks + 1
    if (this.#silentLooks < SILENT_LOOKS) return
    const { confirmTimeoutMs, location, channel } = this.#parts
    this.#end(
      new ConnectionError(`RabbitMQ confirmed nothing for ${confirmTimeoutMs / 1000} s (${location})`, {
        code: 'LVG_CONNECTION_FAILED',
        details: { location, replyCode: null, confirmTimeoutMs },
        hint: 'The limit is brokerTransportOptions.confirmTimeout, in seconds.',
      }),
    )
    // All its messages are reported. If the close is not answered either, the channel ends with its connection.
    if (!this.#isClosing) channel.close().catch(() => {})
  }

  #flush(): void {
    this.#isScheduled = false
    const pieces = this.#writer.take()
    if (this.#closed || this.#isClosing || pieces.length === 0) return
    const { link } = this.#parts
    link.sentSinceLastCheck = true
    link.stream.cork()
    for (const piece of pieces) link.stream.write(piece)
    link.stream.uncork()
  }
}

interface Confirm {
  readonly deliveryTag: number
  readonly multiple: boolean
}
