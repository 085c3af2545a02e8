/** Ends waits in the order in which they began, so that messages start in the order in which they were claimed. */
export class InTurn {
  #last: Promise<unknown> | undefined

  /** Resolves when this wait, if there is one, and all that began before it have ended. */
  async wait(own: Promise<void> | undefined): Promise<void> {
    if (own === undefined && this.#last === undefined) return
    const ended = Promise.allSettled([this.#last, own])
    this.#last = ended
    await ended
    if (this.#last === ended) this.#last = undefined
    await own
  }
}
