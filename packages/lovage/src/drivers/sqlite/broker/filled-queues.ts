import type { ClaimRow } from './rows.js'

/** How long a claim may go by an earlier look at the queues. A message in a queue of higher rank waits no longer. */
const LOOK_MS = 50
/** Fewer queues are claimed from without looking. */
export const FEW_QUEUES = 8

/** A consumer's queues. */
interface Listed {
  /** A JSON array of the names. */
  readonly list: string
  readonly names: readonly string[]
  /** Those that had messages at the last look, in their order, without those that a claim has emptied since. */
  filled: readonly string[]
  lookMs: number
}

/**
 * Claims from the queues that have messages, in the order of the consumer's list. Looking for them costs a search for each queue, so the
 * claims of a moment share a look. A claim that it cannot fill looks again.
 */
export class FilledQueues {
  readonly #listed = new Map<string, Listed>()

  /** `find` gives those queues that have messages, in their order, or as many of them as could fill a claim. */
  constructor(
    private readonly find: (list: string, names: readonly string[], free: number) => readonly string[],
  ) {}

  /** Takes up to `free` messages for a consumer; `take` does so from one queue. */
  claim(
    holder: string,
    list: string,
    free: number,
    take: (queue: string, limit: number) => readonly ClaimRow[],
  ): readonly ClaimRow[] {
    if (free === 0) return []
    const listed = this.#of(holder, list)
    if (listed.names.length < FEW_QUEUES) return takeFrom(listed.names, free, take).rows
    const nowMs = performance.now()
    const rows = nowMs - listed.lookMs < LOOK_MS ? takeFilled(listed, free, take) : []
    if (rows.length === free) return rows
    listed.filled = this.find(list, listed.names, free - rows.length)
    listed.lookMs = nowMs
    return [...rows, ...takeFilled(listed, free - rows.length, take)]
  }

  forget(holder: string): void {
    this.#listed.delete(holder)
  }

  #of(holder: string, list: string): Listed {
    const known = this.#listed.get(holder)
    if (known?.list === list) return known
    const listed = { list, names: JSON.parse(list) as readonly string[], filled: [], lookMs: 0 }
    this.#listed.set(holder, listed)
    return listed
  }
}

type Take = (queue: string, limit: number) => readonly ClaimRow[]

function takeFilled(listed: Listed, free: number, take: Take): readonly ClaimRow[] {
  const { rows, emptied } = takeFrom(listed.filled, free, take)
  listed.filled = listed.filled.slice(emptied)
  return rows
}

function takeFrom(
  queues: readonly string[],
  free: number,
  take: Take,
): { readonly rows: readonly ClaimRow[]; readonly emptied: number } {
  const rows: ClaimRow[] = []
  let emptied = 0
  for (const queue of queues) {
    const limit = free - rows.length
    if (limit === 0) break
    const found = take(queue, limit)
    rows.push(...found)
    if (found.length < limit) emptied++
  }
  return { rows, emptied }
}
