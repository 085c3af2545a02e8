import type { Page } from '../../kernel/index.js'
import type { DeadLetter, DeadLetterQuery, DeadLetterStore } from '../store.js'

/** Dead letters in memory; `put` is `add` for those who settle at the same moment. */
export interface MemoryDeadLetters extends DeadLetterStore {
  put(letters: readonly DeadLetter[]): void
}

/** A store of dead letters that ends with the process. */
export function memoryDeadLetters(): MemoryDeadLetters {
  const byId = new Map<string, DeadLetter>()

  function put(letters: readonly DeadLetter[]): void {
    for (const letter of letters) if (!byId.has(letter.id)) byId.set(letter.id, letter)
  }

  return {
    put,
    add: async (letters) => put(letters),

    async list(query): Promise<Page<DeadLetter>> {
      const { limit = 100, after } = query
      const matching = [...byId.values()].filter((letter) => matches(letter, query)).sort(newestFirst)
      const rest = after === undefined ? matching : matching.filter((letter) => cursorOf(letter) > after)
      const items = rest.slice(0, limit)
      const last = items.at(-1)
      return rest.length > limit && last ? { items, next: cursorOf(last) } : { items }
    },

    async count() {
      const counts = new Map<string, number>()
      for (const { queue } of byId.values()) counts.set(queue, (counts.get(queue) ?? 0) + 1)
      return counts
    },

    async take(ids) {
      return ids.flatMap((id) => {
        const letter = byId.get(id)
        byId.delete(id)
        return letter ? [letter] : []
      })
    },
  }
}

function matches(letter: DeadLetter, query: DeadLetterQuery): boolean {
  return (
    (query.queue === undefined || letter.queue === query.queue) &&
    (query.task === undefined || letter.task === query.task) &&
    (query.reason === undefined || letter.reason === query.reason) &&
    (query.ids === undefined || query.ids.includes(letter.id)) &&
    (query.failedBeforeMs === undefined || letter.failedMs < query.failedBeforeMs)
  )
}

/** Sorts like the listing: time counted down from the largest exact integer, then the id. */
function cursorOf(letter: DeadLetter): string {
  return `${String(Number.MAX_SAFE_INTEGER - letter.failedMs).padStart(16, '0')} ${letter.id}`
}

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return cursorOf(a) < cursorOf(b) ? -1 : 1
}
