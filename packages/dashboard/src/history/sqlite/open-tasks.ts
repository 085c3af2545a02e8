import type { TaskRecord } from '../task-record.js'

/** The most tasks remembered: about 2 MB. */
const MOST = 2_000

/** A task as its row has it. */
export interface OpenTask {
  readonly key: number
  readonly record: TaskRecord
}

/** The rows of tasks that were written last and have not ended: their next events come soon, and are merged without reading the row. */
export class OpenTasks {
  readonly #tasks = new Map<string, OpenTask>()

  get(id: string): OpenTask | undefined {
    return this.#tasks.get(id)
  }

  /** Remembers a written task, or forgets it when it has ended. */
  put(key: number, record: TaskRecord): void {
    if (record.endedMs !== null) {
      this.#tasks.delete(record.id)
      return
    }
    this.#tasks.set(record.id, { key, record })
    if (this.#tasks.size <= MOST) return
    const [oldest] = this.#tasks.keys()
    if (oldest !== undefined) this.#tasks.delete(oldest)
  }

  clear(): void {
    this.#tasks.clear()
  }
}
