/** An item in flight, and its waiting caller. */
interface Pending<Item, Reply> {
  readonly item: Item
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
}

/**
 * Hands items over one batch after the other, so that they take effect in order although a process has many connections,
 * and so that items added while a batch is in flight go together with the next.
 */
export class Batches<Item, Reply = void> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Reply[]>
  readonly #limit: number
  readonly #weigh: (item: Item) => number
  readonly #collects: boolean
  #pending: Pending<Item, Reply>[] = []
  #isWriting = false
  #onIdle: (() => void)[] = []

  /**
   * `write` resolves to one reply for each item; when it rejects, all of them do. It receives items until their total weight reaches
   * `limit`; each weighs 1 unless `weigh` says otherwise, and one is always taken. Items added in one turn of the loop go together, unless
   * `collects` is false: their caller has collected them.
   */
  constructor(
    write: (items: readonly Item[]) => Promise<readonly Reply[]>,
    limit: number,
    weigh: (item: Item) => number = () => 1,
    collects = true,
  ) {
    this.#write = write
    this.#limit = limit
    this.#weigh = weigh
    this.#collects = collects
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

  /** Resolves when nothing is in flight. */
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

  /** Resolves, when a batch has been written, to what tells its callers. */
  async #written(batch: readonly Pending<Item, Reply>[]): Promise<() => void> {
    try {
      const replies = await this.#write(batch.map(({ item }) => item))
      return () => {
        // One reply for each item, as `write` promises; if there is none, the reply is undefined.
        for (const [index, { resolve }] of batch.entries()) resolve(replies[index] as Reply)
      }
    } catch (error) {
      return () => {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  async #run(): Promise<void> {
    this.#isWriting = true
    if (this.#collects) await turnOver()
    let tell: (() => void) | undefined
    while (this.#pending.length > 0) {
      const written = this.#written(this.#pending.splice(0, this.#fitting()))
      if (tell) {
        // This batch leaves first: the server would have nothing to do while the callers of the one before go on.
        await turnOver()
        tell()
      }
      tell = await written
      if (this.#pending.length > 0) continue
      tell()
      tell = undefined
    }
    this.#isWriting = false
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}

const turnOver = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
