import type { Unsubscribe } from '../../kernel/index.js'
import { isConnectionLoss, RedisConnection, type RedisTarget } from '../../redis-client/index.js'

/** A line that is silent for longer than this is asked whether it lives. */
const PING_MS = 5_000

/** Hears one channel's or pattern's messages. */
export type Hear = (channel: string, payload: string) => void

/** The broker's one connection for what is published; it subscribes again after every loss. */
export class Subscriber {
  readonly #connection: RedisConnection
  readonly #hearers = new Map<string, Set<Hear>>()
  #timer: NodeJS.Timeout | undefined

  constructor(target: RedisTarget) {
    this.#connection = new RedisConnection(target, 'lovage:subscriber')
    this.#connection.onMessage((pattern, channel, payload) => {
      for (const hear of this.#hearers.get(pattern) ?? []) hear(channel, payload)
    })
    this.#connection.listen({ onReady: () => this.#subscribeAgain() })
  }

  /** Resolves when the server has noted it; rejects when it cannot be reached now. */
  async subscribe(pattern: string, hear: Hear): Promise<Unsubscribe> {
    const hearers = this.#hearers.get(pattern) ?? new Set()
    this.#hearers.set(pattern, hearers.add(hear))
    this.#timer ??= setInterval(() => this.#ping(), PING_MS).unref()
    const end = (): void => {
      if (!hearers.delete(hear) || hearers.size > 0) return
      this.#hearers.delete(pattern)
      if (!this.#connection.isClosed && this.#connection.isReady) this.#forget('punsubscribe', pattern)
    }
    try {
      await this.#connection.command('psubscribe', pattern)
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  #subscribeAgain(): void {
    if (this.#hearers.size > 0) this.#forget('psubscribe', ...this.#hearers.keys())
  }

  #ping(): void {
    if (this.#connection.isReady) this.#forget('ping')
  }

  /** Sends what is said again anyway when the connection is lost. */
  #forget(command: string, ...words: string[]): void {
    this.#connection.command(command, ...words).catch((error: unknown) => {
      if (!isConnectionLoss(error) && !this.#connection.isClosed) this.#connection.drop()
    })
  }
}

/** A channel as a pattern that matches it alone. */
export const escapeGlob = (channel: string): string => channel.replace(/[*?[\]\\]/g, '\\$&')
