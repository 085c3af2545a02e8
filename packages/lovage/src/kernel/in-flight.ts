/**
 * Work that has begun and not ended. Kept in an array, because a set that lives by coming and going holds garbage alive
 * (see `FleetingMap`).
 */
export class InFlight {
  readonly #work: Promise<unknown>[] = []

  get size(): number {
    return this.#work.length
  }

  /** Holds it until it ends, either way; the promise to go on with is the one that is returned. */
  add<Value>(work: Promise<Value>): Promise<Value> {
    this.#work.push(work)
    return work.finally(() => {
      const last = this.#work.pop()
      const at = last === undefined || last === work ? -1 : this.#work.indexOf(work)
      if (last !== undefined && at >= 0) this.#work[at] = last
    })
  }

  /** Resolves when all that is in flight now has ended, whether or not it succeeded. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#work)
  }
}
