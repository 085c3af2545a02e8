import type { ConfirmChannel, Message } from 'amqplib'
import type { ConnectionError, Unsubscribe } from '../../../kernel/index.js'
import { type AmqpPublication, FrameWriter } from './frame-writer.js'
import { Unconfirmed, type Untaken } from './unconfirmed.js'

/** The part of the client library's connection that publishing goes by; its types do not tell it. */
export interface PublishingLink {
  /** The socket. */
  readonly stream: {
    write(bytes: Buffer): unknown
    cork(): void
    uncork(): void
  }
  readonly frameMax: number
  /** Whether there is need for a heartbeat. */
  sentSinceLastCheck: boolean
}

/** What a publishing channel is made with. */
export interface PublishingParts {
  readonly channel: ConfirmChannel
  /** The number of the channel on its connection. */
  readonly number: number
  readonly link: PublishingLink
  /** Makes an error of ours of what the library throws. */
  readonly error: (thrown: unknown) => ConnectionError
  /** Keeps the process alive until the work has ended. */
  readonly awaited: <Result>(work: Promise<Result>) => Promise<Result>
}

/**
 * A channel for publishing alone, with confirms: they are counted, not waited for one by one, and what is published in one turn of the event
 * loop leaves in one write.
 *
 * Promise: of every message is told what became of it. Taken by a queue; or not, and why; or `uncertain`, when the channel ended before the
 * server had said.
 */
export class PublishingChannel {
  readonly #parts: PublishingParts
  readonly #writer: FrameWriter
  readonly #unconfirmed = new Unconfirmed()
  readonly #onClosed = new Set<(error: ConnectionError) => void>()
  #closed: ConnectionError | undefined
  /** What the server said when it closed the channel. */
  #said: ConnectionError | undefined
  #isScheduled = false
  #isClosing = false

  constructor(parts: PublishingParts) {
    this.#parts = parts
    this.#writer = new FrameWriter(parts.number, parts.link.frameMax)
    const { channel } = parts
    // The library's own listeners look for callbacks of messages that it has written.
    channel.removeAllListeners('ack').removeAllListeners('nack')
    channel.on('ack', ({ deliveryTag, multiple }: Confirm) => this.#unconfirmed.taken(deliveryTag, multiple))
    channel.on('nack', ({ deliveryTag, multiple }: Confirm) =>
      this.#unconfirmed.refused(deliveryTag, multiple),
    )
    channel.on('return', ({ fields, content }: Message) =>
      this.#unconfirmed.returned(fields.exchange, fields.routingKey, content),
    )
    channel.on('error', (thrown) => {
      this.#said = parts.error(thrown)
    })
    channel.on('close', () => {
      this.#closed = this.#said ?? parts.error(new Error('channel closed'))
      this.#unconfirmed.end(this.#closed)
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

  /**
   * Publishes, and resolves to what was not taken, when the server has answered for every message. Throws a MessageError for a message that
   * AMQP cannot carry, and publishes none then; rejects when the channel had ended before.
   */
  publish(publications: readonly AmqpPublication[]): Promise<readonly Untaken[]> {
    if (this.#closed) return Promise.reject(this.#closed)
    // A frame after the goodbye of its channel would end the whole connection.
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

  /** Ends the channel, what was published before it. */
  async close(): Promise<void> {
    if (!this.isOpen || this.#isClosing) return
    this.#flush()
    this.#isClosing = true
    try {
      await this.#parts.awaited(this.#parts.channel.close())
    } catch (thrown) {
      // It ended by itself meanwhile.
      if (this.isOpen) throw this.#parts.error(thrown)
    }
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
