import type { Page } from '../kernel/index.js'
import type { DeadLetter, DeadLetterQuery } from './store.js'

/**
 * A page of the matching letters from a collection in memory, newest first.
 *
 * @example
 * import { type DeadLetter, listLetters } from 'lovage/driver'
 * const letters = new Map<string, DeadLetter>()
 * const page = listLetters(letters.values(), { queue: 'mail', limit: 10 })
 */
export function listLetters(letters: Iterable<DeadLetter>, query: DeadLetterQuery): Page<DeadLetter> {
  const { limit = 100, after } = query
  const ids = query.ids && new Set(query.ids)
  const matching = [...letters]
    .filter((letter) => matches(letter, query) && isNamed(letter, ids))
    .sort(newestFirst)
  const rest = after === undefined ? matching : matching.filter((letter) => cursorOf(letter) > after)
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return rest.length > limit && last ? { items, next: cursorOf(last) } : { items }
}

function matches(letter: DeadLetter, query: DeadLetterQuery): boolean {
  return (
    (query.queue === undefined || letter.queue === query.queue) &&
    (query.task === undefined || letter.task === query.task) &&
    (query.reason === undefined || letter.reason === query.reason) &&
    (query.failedBeforeMs === undefined || letter.failedMs < query.failedBeforeMs)
  )
}

function isNamed({ id, taskId }: DeadLetter, ids: ReadonlySet<string> | undefined): boolean {
  return ids === undefined || ids.has(id) || (taskId !== null && ids.has(taskId))
}

/** A cursor that sorts like the listing: time counted down from the largest exact integer, then the id. */
function cursorOf(letter: DeadLetter): string {
  return `${String(Number.MAX_SAFE_INTEGER - letter.failedMs).padStart(16, '0')} ${letter.id}`
}

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return cursorOf(a) < cursorOf(b) ? -1 : 1
}
