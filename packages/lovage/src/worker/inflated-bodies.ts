import type { IncomingMessage } from '../message/index.js'
import { type Claim, isHeld } from './claim.js'

/** Total size of the decompressed bodies of a worker's held tasks: a bound on how far strangers can inflate a few bytes. */
export class InflatedBodies {
  readonly #budget: number
  readonly #held = new Map<Claim, number>()
  #sum = 0
  #came = 0

  /** @param budget Bytes; beyond them nothing more is decompressed. One body may exceed it. */
  constructor(budget: number) {
    this.#budget = budget
  }

  /** A body was decompressed. */
  came(bytes: number): void {
    this.#came += bytes
  }

  /** Attributes the bytes since the last call to this task, or to none. */
  holds(claim: Claim | undefined): void {
    if (this.#came > 0 && claim) {
      this.#held.set(claim, this.#came)
      this.#sum += this.#came
    }
    this.#came = 0
  }

  /** Whether this one must wait until held tasks have ended. */
  isTooMuch(message: IncomingMessage | Error): boolean {
    if (message instanceof Error || typeof message.headers.compression !== 'string') return false
    if (this.#sum >= this.#budget) this.#count()
    return this.#sum >= this.#budget
  }

  #count(): void {
    this.#sum = 0
    for (const [claim, bytes] of this.#held) {
      if (isHeld(claim)) this.#sum += bytes
      else this.#held.delete(claim)
    }
  }
}
