import { inTime, type RedisSubscriber } from '../client/index.js'
import { InTurn } from './in-turn.js'

/**
 * Tells when all that was published before a claim has been heard, such as revokes: each claim that finds messages publishes its number to
 * its holder, behind what was published before it.
 */
export class ClaimMarks {
  readonly #subscriber: RedisSubscriber
  readonly #inTurn = new InTurn()
  #last = 0
  /** Of each claim whose mark is awaited: called, or true when it was heard before the reply. */
  readonly #open = new Map<number, (() => void) | boolean>()

  constructor(subscriber: RedisSubscriber) {
    this.#subscriber = subscriber
  }

  /** The number of a new claim; 0 if its mark could not be heard now. */
  next(): number {
    if (!this.#subscriber.isReady) return 0
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

  /** The claim has found nothing, or its mark is awaited no longer. */
  forget(number: number): void {
    this.#open.delete(number)
  }

  /** Resolves, in the order of the calls, when all that was published before the claim has been heard, or cannot be heard now. */
  heard(number: number): Promise<void> {
    return this.#inTurn.wait(number === 0 ? this.#caughtUp() : this.#hearing(number))
  }

  #caughtUp(): Promise<void> | undefined {
    return this.#subscriber.isUncertain ? this.#subscriber.caughtUp() : undefined
  }

  /** Undefined if nothing is left to wait for. */
  #hearing(number: number): Promise<void> | undefined {
    if (this.#open.get(number) === false && this.#subscriber.isReady)
      return inTime(new Promise<void>((resolve) => this.#open.set(number, resolve))).finally(() =>
        this.forget(number),
      )
    this.forget(number)
    return undefined
  }
}
