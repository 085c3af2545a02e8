/** An item on its way, and whoever waits for it. */
interface Pending<Item, Reply> {
  readonly item: Item
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
}

/**
 * Hands items over one batch after the other, so that they take effect in their order though a process has many connections,
 * and so that what comes while a batch is under way goes together with the next.
 */
export class Batches<Item, Reply = void> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Reply[]>
  readonly #limit: number
  readonly #weigh: (item: Item) => number
  #pending: Pending<Item, Reply>[] = []
  #isWriting = false
  #onIdle: (() => void)[] = []

  /**
   * `write` answers with one reply for each item; when it rejects, all of them do. It is given items until they weigh as much as
   * `limit`, each of them 1 unless `weigh` says otherwise, and always one.
   */
  constructor(
    write: (items: readonly Item[]) => Promise<readonly Reply[]>,
    limit: number,
    weigh: (item: Item) => number = () => 1,
  ) {
    this.#write = write
    this.#limit = limit
    this.#weigh = weigh
  }

  add(item: Item): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ item, resolve, reject })
      if (!this.#isWriting) void this.#run()
    })
  }

  get isBusy(): boolean {
    return this.#isWriting
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (!this.#isWriting) return Promise.resolve()
    return new Promise((resolve) => void this.#onIdle.push(resolve))
  }

  #fitting(): number {
    let weight = 0
    const over = this.#pending.findIndex(({ item }) => {
      weight += this.#weigh(item)
      return weight > this.#limit
    })
    return over === -1 ? this.#pending.length : Math.max(1, over)
  }

  async #run(): Promise<void> {
    this.#isWriting = true
    // What is added in one turn of the loop goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, this.#fitting())
      try {
        const replies = await this.#write(batch.map(({ item }) => item))
        // One reply for each item, as `write` promises; without any, the reply is nothing.
        for (const [index, { resolve }] of batch.entries()) resolve(replies[index] as Reply)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isWriting = false
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
