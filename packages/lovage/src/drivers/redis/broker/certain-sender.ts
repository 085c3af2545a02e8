import { ConnectionError, delay, newId, stayAlive, systemClock } from '../../../kernel/index.js'
import { isConnectionLoss, isServersWord, type RedisLink } from '../client/index.js'

/** How long a publication whose reply was lost is retried. */
const PATIENCE_MS = 15_000
const RETRY_MS = 100
/** How many numbers are forgotten on the server at a time: nearly always with a push that is sent anyway. */
const FORGET_AT = 32
/** And at most: Lua passes no more than 8,000 values to a command. */
const FORGOTTEN = 1_000

/**
 * Publishes under numbers that the server remembers until their replies have arrived: a publication repeated because its reply was lost
 * with the connection is dropped if it had arrived.
 */
export class CertainSender {
  /** Names this publisher on the server. */
  readonly id = newId()
  readonly #connection: RedisLink
  #number = 0
  #heard: number[] = []

  constructor(connection: RedisLink) {
    this.#connection = connection
  }

  /** Numbers that the server no longer needs to remember. */
  takeHeard(): readonly number[] {
    return this.#heard.length < FORGET_AT ? NONE : this.#heard.splice(0, FORGOTTEN)
  }

  /**
   * Resolves when `send` has been answered; a repeated one must do nothing if the first arrived. Rejects at once without a connection, as nothing was sent.
   * @throws {ConnectionError} LVG_PUBLISH_UNCERTAIN with the `ids` when no reply came in all that time.
   */
  async send(
    send: (number: number, isRepeated: boolean) => Promise<unknown>,
    ids: () => readonly unknown[],
  ): Promise<void> {
    const number = ++this.#number
    const wasReady = this.#connection.isReady
    try {
      await send(number, false)
      this.#heard.push(number)
    } catch (error) {
      if (!wasReady || !isConnectionLoss(error) || isServersWord(error)) {
        // It is not sent again; a transaction that failed in part is remembered all the same.
        this.#heard.push(number)
        throw error
      }
      await this.#sendAgain(() => send(number, true), ids, error)
    }
  }

  /** Its number is not forgotten: the first attempt may still be in flight to the server. */
  async #sendAgain(
    send: () => Promise<unknown>,
    ids: () => readonly unknown[],
    cause: unknown,
  ): Promise<void> {
    const untilMs = systemClock.now() + PATIENCE_MS
    while (systemClock.now() < untilMs && !this.#connection.isClosed) {
      await stayAlive(delay(systemClock, RETRY_MS))
      try {
        await send()
        return
      } catch (error) {
        if (!isConnectionLoss(error) && !this.#connection.isClosed) throw error
      }
    }
    throw new ConnectionError(
      `Redis (${this.#connection.target.location}) was lost before it confirmed what was published`,
      { code: 'LVG_PUBLISH_UNCERTAIN', details: { ids: ids() }, cause },
    )
  }
}

const NONE: readonly never[] = []
