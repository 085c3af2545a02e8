/** Work in progress. Kept in an array, because a set whose entries keep coming and going holds garbage alive (see `FleetingMap`). */
export class InFlight {
  readonly #work: Promise<unknown>[] = []

  get size(): number {
    return this.#work.length
  }

  /** Tracks work until it settles; the caller continues with the returned promise. */
  add<Value>(work: Promise<Value>): Promise<Value> {
    this.#work.push(work)
    return work.finally(() => {
      const last = this.#work.pop()
      const at = last === undefined || last === work ? -1 : this.#work.indexOf(work)
      if (last !== undefined && at >= 0) this.#work[at] = last
    })
  }

  /** Resolves when everything now in flight has settled, successfully or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#work)
  }
}
