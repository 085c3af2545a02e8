import { type DeadLetter, type DeadLetterStore, listLetters } from '../../../dead-letter/index.js'
import type { Page } from '../../../kernel/index.js'

/** Dead letters in memory; `put` is a synchronous `add` for settlements. */
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
      return listLetters(byId.values(), query)
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
