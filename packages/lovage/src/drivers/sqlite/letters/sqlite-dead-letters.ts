import type { DeadLetter, DeadLetterReason, DeadLetterStore } from '../../../dead-letter/index.js'
import type { Page } from '../../../kernel/index.js'
import { type SqliteFile, toBytes } from '../file/index.js'
import type program from './program.js'
import type { LetterRow } from './program.js'

/** Dead letters in an open SQLite file, which its opener closes. */
export async function sqliteDeadLetters(file: SqliteFile): Promise<DeadLetterStore> {
  const { call } = await file.load<typeof program>(new URL('./program.js', import.meta.url))
  return {
    add: (letters) => call('add', letters.map(letterRow)),

    async list({ queue, task, reason, ids, failedBeforeMs, limit = 100, after }): Promise<Page<DeadLetter>> {
      const [failedMs = null, id = null] = after === undefined ? [] : readCursor(after)
      const rows = await call('list', [
        queue ?? null,
        task ?? null,
        reason ?? null,
        ids === undefined ? null : JSON.stringify(ids),
        failedBeforeMs ?? null,
        failedMs,
        id,
        limit + 1,
      ])
      const items = rows.slice(0, limit).map(letterOf)
      const last = items.at(-1)
      return rows.length > limit && last ? { items, next: `${last.failedMs} ${last.id}` } : { items }
    },

    count: async () => new Map(await call('count', undefined)),
    take: async (ids) => (await call('take', ids)).map(letterOf),
  }
}

/** A letter as the table's columns, which the broker's program passes to `add`. */
export function letterRow(letter: DeadLetter): LetterRow {
  const { error } = letter
  return [
    letter.id,
    letter.taskId,
    letter.task,
    letter.queue,
    letter.reason,
    error.type,
    error.message,
    error.traceback,
    letter.retries,
    letter.redeliveries,
    letter.worker,
    letter.failedMs,
    letter.raw,
  ]
}

function letterOf(row: LetterRow): DeadLetter {
  const [
    id,
    taskId,
    task,
    queue,
    reason,
    type,
    message,
    traceback,
    retries,
    redeliveries,
    worker,
    failedMs,
    raw,
  ] =
    // The columns of the table in their order, which only `letterRow` writes.
    row as unknown as [
      string,
      string | null,
      string | null,
      string,
      DeadLetterReason,
      string,
      string,
      string | null,
      number,
      number,
      string,
      number,
      string | ArrayBuffer,
    ]
  return {
    id,
    taskId,
    task,
    queue,
    reason,
    error: { type, message, traceback },
    retries,
    redeliveries,
    worker,
    failedMs,
    raw: toBytes(raw),
  }
}

function readCursor(after: string): [failedMs: number, id: string] {
  const space = after.indexOf(' ')
  return [Number(after.slice(0, space)), after.slice(space + 1)]
}
