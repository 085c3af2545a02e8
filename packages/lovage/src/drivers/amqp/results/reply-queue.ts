import type { Clock } from '../../../kernel/index.js'
import {
  type AmqpChannel,
  type AmqpConnection,
  type AmqpDelivery,
  isConnectionLoss,
  Patience,
} from '../client/index.js'

/** How long replies already in the queue may take to arrive before they count as later ones. */
const BACKLOG_MS = 2_000
/** Older replies beyond this many are not read. */
const MAX_REPLIES = 100_000

/** A reply queue's retention. */
export interface ReplyQueueOptions {
  readonly connection: AmqpConnection
  readonly name: string
  /** How long a reply waits there, and how long the queue outlives its process. */
  readonly expiresMs: number
  readonly clock: Clock
  readonly onReply: (reply: AmqpDelivery) => void
  /** Called with an error while no caller waits. */
  readonly onError: (error: unknown) => void
}

/** A queue with its channel. */
interface Opened {
  readonly channel: AmqpChannel
  /** Replies that waited there when it was declared. */
  readonly waiting: number
}

/**
 * The queue that receives the results of one process's tasks. Only the process that it belongs to declares it, so it need not be as
 * Celery declares its own: it outlives a lost connection (Celery's does not), and is removed by `close`, or when it has been
 * unused for as long as results are kept.
 */
export class ReplyQueue {
  readonly #options: ReplyQueueOptions
  #opened: Promise<Opened> | undefined
  #consuming: Promise<void> | undefined
  readonly #patience = new Patience()
  #isListening = false
  #isClosed = false

  constructor(options: ReplyQueueOptions) {
    this.#options = options
  }

  /** Resolves when the queue exists; costs nothing while the connection lasts. */
  async declare(): Promise<void> {
    await this.#open()
  }

  /** Receives replies from now on, across lost connections; resolves when it has received those already waiting. */
  async listen(): Promise<void> {
    this.#isListening = true
    this.#consuming ??= this.#consume()
    try {
      await this.#consuming
    } catch (error) {
      this.#consuming = undefined
      throw error
    }
  }

  /** Like `listen`, for callers that do not wait: keeps trying. */
  hear(): void {
    if (this.#isListening) return
    this.#isListening = true
    void this.#listenAgain()
  }

  /** Removes the queue and its contents, as far as that can be done now. */
  async close(): Promise<void> {
    this.#isClosed = true
    const opened = await this.#opened?.catch(() => undefined)
    if (!opened?.channel.isOpen) return
    try {
      await opened.channel.deleteQueue(this.#options.name)
    } catch (error) {
      // It expires by itself.
      if (!isConnectionLoss(error)) this.#options.onError(error)
    }
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#make().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #make(): Promise<Opened> {
    const { connection, name, expiresMs } = this.#options
    const channel = await connection.channel()
    const { messages: waiting } = await channel.declareQueue({
      name,
      durable: true,
      arguments: { 'x-expires': expiresMs, 'x-message-ttl': expiresMs, 'x-max-length': MAX_REPLIES },
    })
    channel.onClosed(() => this.#lost())
    return { channel, waiting }
  }

  #lost(): void {
    this.#opened = undefined
    this.#consuming = undefined
    this.#patience.failed()
    if (this.#isListening && !this.#isClosed) void this.#listenAgain()
  }

  async #listenAgain(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#patience.wait()
        await this.listen()
        return this.#patience.began()
      } catch (error) {
        if (this.#isClosed) return
        // One line for each outage.
        if (this.#patience.failed()) this.#options.onError(error)
      }
    }
  }

  async #consume(): Promise<void> {
    const { clock, name, onReply } = this.#options
    const { channel, waiting } = await this.#open()
    let missing = waiting
    let caughtUp: () => void = () => {}
    const isCaughtUp = new Promise<void>((resolve) => {
      caughtUp = resolve
    })
    await channel.consume(name, {
      noAck: true,
      onDelivery: (reply) => {
        onReply(reply)
        if (--missing === 0) caughtUp()
      },
      // The queue was deleted: closing the channel makes everything start again.
      onCancelled: () => void channel.close().catch(this.#options.onError),
    })
    if (missing > 0) {
      const timer = clock.setTimer(caughtUp, BACKLOG_MS)
      await isCaughtUp
      timer.cancel()
    }
  }
}
