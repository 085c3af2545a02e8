import type { ChannelModel } from 'amqplib'

/** The watched connection. */
export interface PulseParts {
  readonly model: ChannelModel
  /** The check interval. A silent server is probed after one silent interval and given up one interval later. */
  readonly everyMs: number
  /** Whether the server is known to read nothing now. */
  readonly isBlocked: () => boolean
  /** The server has not answered for too long. */
  readonly onDead: (silentMs: number) => void
}

/**
 * Detects a server that vanished silently (its machine lost power, a firewall forgot the connection) sooner than heartbeats do. The server
 * applies the heartbeat interval too, and would give up a client whose event loop a task blocks. So the client alone probes, in silence.
 */
export class Pulse {
  readonly #parts: PulseParts
  readonly #timer: NodeJS.Timeout
  #heardMs = Date.now()
  #hasHeard = false
  #isAsking = false
  #channel: ReturnType<ChannelModel['createChannel']> | undefined

  constructor(parts: PulseParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#look(), parts.everyMs)
    this.#timer.unref()
  }

  /** Bytes arrived. */
  heard(): void {
    this.#hasHeard = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    if (this.#hasHeard || this.#parts.isBlocked()) return this.#isAlive()
    if (!this.#isAsking) {
      this.#isAsking = true
      void this.#ask()
      return
    }
    // The loop may have been blocked until now, with a reply waiting: it is read in between.
    setImmediate(() => setImmediate(() => this.#judge()))
  }

  #judge(): void {
    if (this.#hasHeard) return this.#isAlive()
    this.stop()
    this.#parts.onDead(Date.now() - this.#heardMs)
  }

  #isAlive(): void {
    this.#hasHeard = false
    this.#isAsking = false
    this.#heardMs = Date.now()
  }

  /** The smallest request that any server answers, on a channel of its own. */
  async #ask(): Promise<void> {
    try {
      this.#channel ??= this.#parts.model.createChannel().then((channel) => {
        channel.on('error', () => {})
        channel.on('close', () => {
          this.#channel = undefined
        })
        return channel
      })
      await (await this.#channel).prefetch(1)
    } catch {
      // The connection has ended, which is reported elsewhere.
      this.#channel = undefined
    }
  }
}
