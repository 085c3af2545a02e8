import type { CoordinationStore } from '../coordination/index.js'
import { type Clock, delay, type Logger, messageOf, newId, type Timer } from '../kernel/index.js'
import type { NoticeChannel } from './channels.js'
import { Digest, messageOfOne, type Notice, type NoticeMessage } from './notice.js'

/** The rate limit for single notices on a channel. */
export interface NoticeLimit {
  /** The number within `seconds`, across the whole fleet. Default 10. */
  readonly notices?: number
  /** Default 600. Notices beyond the limit are sent as a digest after this time. */
  readonly seconds?: number
}

/** The ports of a sender. */
export interface SenderPorts {
  readonly app: string
  readonly channel: NoticeChannel
  readonly limit: Required<NoticeLimit>
  readonly coordination: CoordinationStore
  readonly clock: Clock
  readonly logger: Logger
}

const TRIES = 3
const PAUSE_MS = 1000
/** The most pending notices; further ones are only counted. */
const MOST_WAITING = 100

/** Sends a channel's notices, a limited number singly, the others as a digest; a failing channel delays no other. */
export class NoticeSender {
  readonly #ports: SenderPorts
  #digest = new Digest()
  #timer: Timer | undefined
  #line: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(ports: SenderPorts) {
    this.#ports = ports
  }

  tell(notice: Notice): void {
    if (this.#waiting >= MOST_WAITING) return this.#hold(notice)
    this.#waiting++
    this.#line = this.#line.then(async () => {
      try {
        if (await this.#isAllowed()) await this.#send(messageOfOne(this.#ports.app, notice))
        else this.#hold(notice)
      } finally {
        this.#waiting--
      }
    })
  }

  /** Sends the remaining notices. */
  async close(): Promise<void> {
    await this.#line
    this.#timer?.cancel()
    await this.#flush()
  }

  /** Takes one of the fleet's slots, free again after the period. If the store cannot be asked, the notice goes into the digest. */
  async #isAllowed(): Promise<boolean> {
    const { channel, coordination, limit, logger } = this.#ports
    const place = {
      key: `notices:${channel.name}`,
      member: newId(),
      limit: limit.notices,
      ttlMs: limit.seconds * 1000,
    }
    try {
      return (await coordination.enter([place]))[0] === true
    } catch (error) {
      logger.warn({ err: error }, 'cannot check whether a notice may be sent; it goes into the digest')
      return false
    }
  }

  #hold(notice: Notice): void {
    this.#digest.add(notice)
    this.#timer ??= this.#ports.clock.setTimer(() => void this.#flush(), this.#ports.limit.seconds * 1000)
  }

  async #flush(): Promise<void> {
    this.#timer = undefined
    const digest = this.#digest
    if (digest.count === 0) return
    this.#digest = new Digest()
    await this.#send(digest.message(this.#ports.app))
  }

  async #send(message: NoticeMessage): Promise<void> {
    const { channel, clock, logger } = this.#ports
    for (let tries = 1; ; tries++) {
      try {
        return await channel.send(message)
      } catch (error) {
        if (tries >= TRIES) {
          logger.error(
            { err: error, channel: channel.name, notice: message.subject },
            `cannot send a notice: ${messageOf(error)}`,
          )
          return
        }
        await delay(clock, PAUSE_MS * 4 ** (tries - 1))
      }
    }
  }
}
