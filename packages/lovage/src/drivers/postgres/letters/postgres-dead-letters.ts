import type { DeadLetter, DeadLetterReason, DeadLetterStore } from '../../../dead-letter/index.js'
import type { Page } from '../../../kernel/index.js'
import { readSql } from '../../../process/index.js'
import type { Migrations, PostgresValue, Session } from '../client/index.js'

const sql = readSql(new URL('./dead-letters.sql', import.meta.url), ['add', 'list', 'count', 'take'])

/** The table of dead letters, which a broker in the same database creates too. */
export const DEAD_LETTER_MIGRATIONS: Migrations = {
  name: 'dead-letters',
  steps: [new URL('./schema-1.sql', import.meta.url)],
}

/** A letter as a table row. */
interface LetterRow {
  readonly id: string
  readonly task_id: string | null
  readonly task: string | null
  readonly queue: string
  readonly reason: DeadLetterReason
  readonly error_type: string
  readonly error_message: string
  readonly traceback: string | null
  readonly retries: number
  readonly redeliveries: number
  readonly worker: string
  readonly failed_ms: number
  readonly raw: Buffer
  readonly raw_is_text: boolean
}

/** Dead letters in an open PostgreSQL database, migrated and closed by its opener. */
export function postgresDeadLetters(database: Session): DeadLetterStore {
  return {
    add: (letters) => addLetters(database, letters),

    async list({ queue, task, reason, ids, failedBeforeMs, limit = 100, after }): Promise<Page<DeadLetter>> {
      const [failedMs = null, id = null] = after === undefined ? [] : readCursor(after)
      const rows = await database.query<LetterRow>(sql.list, [
        queue ?? null,
        task ?? null,
        reason ?? null,
        ids ?? null,
        failedBeforeMs ?? null,
        failedMs,
        id,
        limit + 1,
      ])
      const items = rows.slice(0, limit).map(letterOf)
      const last = items.at(-1)
      return rows.length > limit && last ? { items, next: `${last.failedMs} ${last.id}` } : { items }
    },

    async count() {
      const rows = await database.query<{ queue: string; letters: number }>(sql.count)
      return new Map(rows.map(({ queue, letters }) => [queue, letters]))
    },

    take: async (ids) => (await database.query<LetterRow>(sql.take, [ids])).map(letterOf),
  }
}

/** Adds letters, also inside a transaction that settles their messages. */
export async function addLetters(session: Session, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length > 0) await session.query(sql.add, columnsOf(letters))
}

function columnsOf(letters: readonly DeadLetter[]): readonly PostgresValue[] {
  return [
    letters.map(({ id }) => textOf(id)),
    letters.map(({ taskId }) => taskId && textOf(taskId)),
    letters.map(({ task }) => task && textOf(task)),
    letters.map(({ queue }) => textOf(queue)),
    letters.map(({ reason }) => reason),
    letters.map(({ error }) => textOf(error.type)),
    letters.map(({ error }) => textOf(error.message)),
    letters.map(({ error }) => error.traceback && textOf(error.traceback)),
    letters.map(({ retries }) => retries),
    letters.map(({ redeliveries }) => redeliveries),
    letters.map(({ worker }) => textOf(worker)),
    letters.map(({ failedMs }) => Math.round(failedMs)),
    letters.map(({ raw }) => Buffer.from(raw)),
    letters.map(({ raw }) => typeof raw === 'string'),
  ]
}

/** PostgreSQL's text type cannot hold NUL, and malformed input may contain it. */
const textOf = (text: string): string => text.replaceAll('\0', '\u2400')

function letterOf(row: LetterRow): DeadLetter {
  return {
    id: row.id,
    taskId: row.task_id,
    task: row.task,
    queue: row.queue,
    reason: row.reason,
    error: { type: row.error_type, message: row.error_message, traceback: row.traceback },
    retries: row.retries,
    redeliveries: row.redeliveries,
    worker: row.worker,
    failedMs: row.failed_ms,
    raw: row.raw_is_text ? row.raw.toString('utf8') : row.raw,
  }
}

function readCursor(after: string): [failedMs: number, id: string] {
  const space = after.indexOf(' ')
  return [Number(after.slice(0, space)), after.slice(space + 1)]
}
