import type { IncomingMessage } from '../message/index.js'
import { type Claim, isHeld } from './claim.js'

/** What has come out of the compressed bodies of the tasks that a worker holds: a bound on what strangers can make of few bytes. */
export class InflatedBodies {
  readonly #budget: number
  readonly #held = new Map<Claim, number>()
  #sum = 0
  #came = 0

  /** @param budget Bytes; beyond them no more is decompressed. One body may exceed it. */
  constructor(budget: number) {
    this.#budget = budget
  }

  /** A body was decompressed. */
  came(bytes: number): void {
    this.#came += bytes
  }

  /** What came since the last call is this task's, or nobody's. */
  holds(claim: Claim | undefined): void {
    if (this.#came > 0 && claim) {
      this.#held.set(claim, this.#came)
      this.#sum += this.#came
    }
    this.#came = 0
  }

  /** Whether this one has to wait until tasks that are held have ended. */
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
