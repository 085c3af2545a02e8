import { systemClock } from '../../../kernel/index.js'
import type { RedisLink } from '../client/index.js'

/** Queue names are registered again this often, in case the server was flushed. */
const REGISTER_MS = 60_000

/** The set of queues that were published to, by which operators find them. */
export class QueueNames {
  readonly #connection: RedisLink
  readonly #key: string
  readonly #registered = new Set<string>()
  #registeredMs = 0

  constructor(connection: RedisLink, key: string) {
    this.#connection = connection
    this.#key = key
  }

  /** Adds names that this process has not added lately. */
  async register(queues: readonly string[]): Promise<void> {
    const nowMs = systemClock.now()
    if (nowMs - this.#registeredMs > REGISTER_MS) {
      this.#registered.clear()
      this.#registeredMs = nowMs
    }
    const names = [...new Set(queues)].filter((queue) => !this.#registered.has(queue))
    if (names.length === 0) return
    for (const name of names) this.#registered.add(name)
    try {
      await this.#connection.command('sadd', this.#key, ...names)
    } catch (error) {
      for (const name of names) this.#registered.delete(name)
      throw error
    }
  }
}
