import type { ResultRecord } from '../result-backend.js'

const AT_ONCE = 500

/** A record on its way, and whoever waits for it. */
interface Pending {
  readonly record: ResultRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Stores records one batch after the other, so that the states of a task arrive in their order though the process has
 * many connections, and what comes while a batch is under way goes together with the next.
 */
export class StoreQueue {
  readonly #write: (records: readonly ResultRecord[]) => Promise<void>
  #pending: Pending[] = []
  #isWriting = false

  constructor(write: (records: readonly ResultRecord[]) => Promise<void>) {
    this.#write = write
  }

  async add(records: readonly ResultRecord[]): Promise<void> {
    const stored = records.map(
      (record) =>
        new Promise<void>((resolve, reject) => void this.#pending.push({ record, resolve, reject })),
    )
    if (!this.#isWriting) void this.#run()
    await Promise.all(stored)
  }

  async #run(): Promise<void> {
    this.#isWriting = true
    // The calls of one turn of the loop go together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, AT_ONCE)
      try {
        await this.#write(lastOfEach(batch.map(({ record }) => record)))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isWriting = false
  }
}

/** Of each task the record that would stand in the end, in the order of ids, which every batch has. */
function lastOfEach(records: readonly ResultRecord[]): readonly ResultRecord[] {
  const last = new Map<string, ResultRecord>()
  for (const record of records) if (last.get(record.id)?.state !== 'SUCCESS') last.set(record.id, record)
  return [...last.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
