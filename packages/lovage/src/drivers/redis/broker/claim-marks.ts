import { inTime, type RedisSubscriber } from '../client/index.js'

/**
 * Tells when all that was published before a claim has been heard, such as revokes: each claim that finds messages publishes its number to
 * its holder, behind what was published before it.
 */
export class ClaimMarks {
  readonly #subscriber: RedisSubscriber
  #last = 0
  /** Of each claim whose mark is awaited: called, or true when it was heard before the reply. */
  readonly #open = new Map<number, (() => void) | boolean>()

  constructor(subscriber: RedisSubscriber) {
    this.#subscriber = subscriber
  }

  /** The number of a new claim. */
  next(): number {
    this.#open.set(++this.#last, false)
    return this.#last
  }

  hear(payload: string): void {
    const number = Number(payload)
    const known = this.#open.get(number)
    if (known === undefined) return
    if (typeof known === 'function') known()
    else this.#open.set(number, true)
  }

  /** The claim has found nothing. */
  forget(number: number): void {
    this.#open.delete(number)
  }

  /** Resolves when the claim's mark has been heard, or cannot be heard now; undefined if nothing is left to wait for. */
  heard(number: number): Promise<void> | undefined {
    if (this.#open.get(number) === false && this.#subscriber.isReady) return this.#hearing(number)
    this.#open.delete(number)
    return undefined
  }

  async #hearing(number: number): Promise<void> {
    await inTime(new Promise<void>((resolve) => this.#open.set(number, resolve)))
    this.#open.delete(number)
  }
}
