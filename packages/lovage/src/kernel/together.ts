/** How `together` forms its lists. */
export interface TogetherOptions {
  /** The longest list. Default 200. */
  readonly most?: number
  /**
   * Whether each item of a list that failed is tried again alone, so that a bad one harms no other. The work must then bear to be
   * repeated. Default false: all of them fail.
   */
  readonly retryAlone?: boolean
}

interface Asked<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes a function of one item from one that does many at once, for tasks that run side by side in one worker: what they ask for in one turn of the
 * event loop, or while another list is under way, goes to `work` as one list. A lone item does not wait.
 *
 * @param work resolves to one result for each item, in their order; when it rejects, all of them do
 * @example
 * import { together } from 'lovage'
 * // One statement for all tasks that look up a customer at the same time.
 * const customerOf = together(async (ids: readonly string[]) => {
 *   const found = new Map([['c-1', 'Ada']])
 *   return ids.map((id) => found.get(id))
 * })
 * console.log(await customerOf('c-1'))
 */
export function together<Item, Result>(
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
  { most = 200, retryAlone = false }: TogetherOptions = {},
): (item: Item) => Promise<Result> {
  const waiting: Asked<Item, Result>[] = []
  let isBusy = false

  const answer = async (asked: readonly Asked<Item, Result>[]): Promise<void> => {
    try {
      const results = await work(asked.map(({ item }) => item))
      if (results.length !== asked.length)
        throw new TypeError(
          `${asked.length} items were asked for together, and ${results.length} results came.`,
        )
      // As many as were asked for: it was looked at.
      for (const [place, { resolve }] of asked.entries()) resolve(results[place] as Result)
    } catch (error) {
      if (retryAlone && asked.length > 1) for (const one of asked) await answer([one])
      else for (const { reject } of asked) reject(error)
    }
  }
  const run = async (): Promise<void> => {
    while (waiting.length > 0) await answer(waiting.splice(0, most))
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
