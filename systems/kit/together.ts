/**
 * A function that does together what is asked for one by one: what comes in one turn of the event loop, or while others are under way,
 * goes to `work` as one list. Where a list fails, each of it is tried alone, so that one bad item harms no other.
 * @param work resolves to a result for each item, in their order; must bear to be repeated
 * @param most the longest list
 */
export function together<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  most = 200,
): (item: Item) => Promise<Result> {
  interface Asked {
    readonly item: Item
    resolve(result: Result): void
    reject(error: unknown): void
  }
  let waiting: Asked[] = []
  let isBusy = false

  const answer = async (asked: readonly Asked[]): Promise<void> => {
    try {
      const results = await work(asked.map(({ item }) => item))
      // As many results as items: `work` promises it.
      for (const [index, { resolve }] of asked.entries()) resolve(results[index] as Result)
    } catch (error) {
      if (asked.length === 1) asked[0]?.reject(error)
      else for (const one of asked) await answer([one])
    }
  }
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const asked = waiting.slice(0, most)
      waiting = waiting.slice(most)
      await answer(asked)
    }
    isBusy = false
  }
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (isBusy) return
      isBusy = true
      setImmediate(() => void run())
    })
}
