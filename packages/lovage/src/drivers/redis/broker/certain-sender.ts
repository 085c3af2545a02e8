import { ConnectionError, delay, newId, systemClock } from '../../../kernel/index.js'
import { isConnectionLoss, isServersWord, type RedisConnection } from '../client/index.js'

/** For so long a publication whose reply was lost is tried again. */
const PATIENCE_MS = 15_000
const RETRY_MS = 100
/** Numbers are forgotten on the server so many at a time: nearly always with a push that goes there anyway. */
const FORGET_AT = 32

/**
 * Publishes under numbers that the server remembers until their replies have come: what is sent again because a reply was lost with its
 * connection is dropped if it had arrived.
 */
export class CertainSender {
  /** Names this publisher on the server. */
  readonly id = newId()
  readonly #connection: RedisConnection
  #number = 0
  #heard: number[] = []

  constructor(connection: RedisConnection) {
    this.#connection = connection
  }

  /** Numbers that the server need not remember any longer. */
  takeHeard(): readonly number[] {
    return this.#heard.length < FORGET_AT ? NONE : this.#heard.splice(0)
  }

  /**
   * Resolves when `send` has been answered. A connection that was not there rejects at once, as nothing was sent.
   * @throws {ConnectionError} LVG_PUBLISH_UNCERTAIN with the `ids` when no answer came in all the time.
   */
  async send(send: (number: number) => Promise<unknown>, ids: () => readonly unknown[]): Promise<void> {
    const number = ++this.#number
    const wasReady = this.#connection.isReady
    try {
      await send(number)
      this.#heard.push(number)
    } catch (error) {
      if (!wasReady || !isConnectionLoss(error) || isServersWord(error)) throw error
      await this.#sendAgain(() => send(number), ids, error)
    }
  }

  /** Its number is not forgotten: the first attempt may still be on its way to the server. */
  async #sendAgain(
    send: () => Promise<unknown>,
    ids: () => readonly unknown[],
    cause: unknown,
  ): Promise<void> {
    const untilMs = systemClock.now() + PATIENCE_MS
    while (systemClock.now() < untilMs && !this.#connection.isClosed) {
      await delay(systemClock, RETRY_MS)
      try {
        await send()
        return
      } catch (error) {
        if (!isConnectionLoss(error) && !this.#connection.isClosed) throw error
      }
    }
    throw new ConnectionError(
      `Redis (${this.#connection.target.location}) was lost before it had said whether it took what was published`,
      { code: 'LVG_PUBLISH_UNCERTAIN', details: { ids: ids() }, cause },
    )
  }
}

const NONE: readonly never[] = []
