import { inTime, type RedisLink } from '../client/index.js'

/** Of a process that died; others overwrite theirs. */
const TTL_S = 3_600
const RENEW_MS = 1_800_000

/**
 * The room that a consumer reserves on the server for the claim behind its waits (reserved-room.lua), as far as it is known here. It is sent
 * over the connection of the other claims, each of which withdraws it: either takes messages, never both.
 */
export class Reservation {
  readonly #connection: RedisLink
  readonly #key: string
  #epoch = 1
  #count = 0
  #isMade = false
  #madeMs = 0
  #answered: Promise<void> | undefined
  #resolve = (): void => {}

  constructor(connection: RedisLink, key: string) {
    this.#connection = connection
    this.#key = key
  }

  /** Names the claims that may use it: those of a lost connection may not. */
  get epoch(): string {
    return String(this.#epoch)
  }

  /** Whether a claim behind a wait may have been made, or may come. */
  get isMade(): boolean {
    return this.#isMade
  }

  /** For how many messages. */
  get count(): number {
    return this.#count
  }

  make(count: number): void {
    if (this.#isMade) return
    this.#isMade = true
    this.#count = count
    this.#send()
  }

  /** A wait has ended without a message. */
  renew(): void {
    if (this.#isMade && performance.now() - this.#madeMs > RENEW_MS) this.#send()
  }

  /** It was withdrawn before a claim was made. */
  withdrawn(): void {
    this.#isMade = false
  }

  /** The messages of its claim are known here. */
  answered(): void {
    this.#isMade = false
    this.#resolve()
    this.#answered = undefined
  }

  /** A connection was lost, and perhaps an answer. */
  lost(): void {
    this.#epoch++
    this.#resolve()
    this.#answered = undefined
  }

  /** Resolves when the claim that was made of it is answered, or lost, or late; at once where there is none. */
  async whenAnswered(): Promise<void> {
    if (!this.#isMade) return
    this.#answered ??= new Promise((resolve) => {
      this.#resolve = resolve
    })
    await inTime(this.#answered)
  }

  #send(): void {
    this.#madeMs = performance.now()
    // Without it the wait just ends, and the claim follows.
    this.#connection.command('set', this.#key, `${this.#epoch} ${this.#count}`, 'EX', TTL_S).catch(() => {})
  }
}
