import type { Clock } from '../../../kernel/index.js'
import {
  type AmqpChannel,
  type AmqpConnection,
  type AmqpDelivery,
  isConnectionLoss,
  Patience,
} from '../client/index.js'

/** How long what already waits in the queue may take to come, before it counts as coming later. */
const BACKLOG_MS = 2_000
/** Nobody reads older ones of so many. */
const MAX_REPLIES = 100_000

/** How a queue of replies is kept. */
export interface ReplyQueueOptions {
  readonly connection: AmqpConnection
  readonly name: string
  /** How long a reply waits there, and the queue itself for a process that is gone. */
  readonly expiresMs: number
  readonly clock: Clock
  readonly onReply: (reply: AmqpDelivery) => void
  /** What went wrong while nobody asked. */
  readonly onError: (error: unknown) => void
}

/** A queue with its channel. */
interface Opened {
  readonly channel: AmqpChannel
  /** Replies that waited there when it was declared. */
  readonly waiting: number
}

/**
 * The queue in which the results of one process's tasks arrive. Nobody but the process that it belongs to declares it, and so it need not be as
 * Celery declares its own: it outlives a lost connection (Celery's goes with it), and is removed by `close`, or when nobody has
 * used it for as long as results are kept.
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

  /** Resolves when the queue is there; costs nothing while the connection lasts. */
  async declare(): Promise<void> {
    await this.#open()
  }

  /** Hears replies from now on, over losses of the connection; resolves when it has heard what has waited. */
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

  /** As `listen`, for who does not wait: goes on trying. */
  hear(): void {
    if (this.#isListening) return
    this.#isListening = true
    void this.#listenAgain()
  }

  /** Removes the queue, with what is in it, as far as that can be done now. */
  async close(): Promise<void> {
    this.#isClosed = true
    const opened = await this.#opened?.catch(() => undefined)
    if (!opened?.channel.isOpen) return
    try {
      await opened.channel.deleteQueue(this.#options.name)
    } catch (error) {
      // It goes by itself.
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
      // Somebody has deleted the queue: with the channel everything begins anew.
      onCancelled: () => void channel.close().catch(this.#options.onError),
    })
    if (missing > 0) {
      const timer = clock.setTimer(caughtUp, BACKLOG_MS)
      await isCaughtUp
      timer.cancel()
    }
  }
}
