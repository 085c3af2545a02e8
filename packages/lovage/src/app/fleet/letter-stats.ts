import type { DeadLetter } from '../../dead-letter/index.js'

/** Counts of dead letters by common properties; the most frequent first. */
export interface DeadLetterStats {
  readonly total: number
  readonly byQueue: Readonly<Record<string, number>>
  readonly byTask: Readonly<Record<string, number>>
  readonly byReason: Readonly<Record<string, number>>
  /** By type of the last error. */
  readonly byError: Readonly<Record<string, number>>
  /** Unix ms; null when there is none. */
  readonly oldestMs: number | null
  readonly newestMs: number | null
}

/** Counts letters. */
export async function countLetters(letters: AsyncIterable<DeadLetter>): Promise<DeadLetterStats> {
  const [queues, tasks, reasons, errors] = [tally(), tally(), tally(), tally()]
  let total = 0
  let oldestMs: number | null = null
  let newestMs: number | null = null
  for await (const { queue, task, reason, error, failedMs } of letters) {
    total += 1
    queues.add(queue)
    tasks.add(task ?? '(unreadable)')
    reasons.add(reason)
    errors.add(error.type)
    oldestMs = oldestMs === null ? failedMs : Math.min(oldestMs, failedMs)
    newestMs = newestMs === null ? failedMs : Math.max(newestMs, failedMs)
  }
  return {
    total,
    byQueue: queues.counts(),
    byTask: tasks.counts(),
    byReason: reasons.counts(),
    byError: errors.counts(),
    oldestMs,
    newestMs,
  }
}

function tally() {
  const counts = new Map<string, number>()
  return {
    add: (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1),
    counts: () => Object.fromEntries([...counts].sort(([, a], [, b]) => b - a)),
  }
}
