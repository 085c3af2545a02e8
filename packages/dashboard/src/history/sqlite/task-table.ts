import { keyAt, recordOf, TASK_COLUMNS, TASK_SELECT, type TaskRow, valuesOf } from '../task-columns.js'
import { mergeRecords, type TaskRecord } from '../task-record.js'
import { MOST_STATES } from '../without-not.js'
import type { BlockTable } from './block-table.js'
import type { HistoryFile, Statement } from './database.js'

/** The tasks of a file. */
export class TaskTable {
  readonly #blocks: BlockTable
  readonly #find: Statement
  readonly #insert: Statement
  readonly #update: Statement
  readonly #family: Statement
  readonly #children: Statement
  readonly #states: Statement
  #lastKey: number
  /** The number of tasks. */
  count: number

  constructor(file: HistoryFile, blocks: BlockTable) {
    this.#blocks = blocks
    const columns = TASK_COLUMNS.map(([column]) => column)
    this.#find = file.prepare(`SELECT ${TASK_SELECT} FROM task WHERE id = ?`)
    this.#insert = file.prepare(
      `INSERT INTO task (${TASK_SELECT}) VALUES (${['?', ...columns.map(() => '?')].join(', ')})`,
    )
    this.#update = file.prepare(
      `UPDATE task SET ${columns.map((column) => `${column} = ?`).join(', ')} WHERE key = ?`,
    )
    this.#family = file.prepare(
      `SELECT ${TASK_SELECT} FROM task WHERE id = ? OR (root_id = ? AND root_id <> id) ORDER BY key LIMIT ?`,
    )
    this.#children = file.prepare(
      'SELECT key, root_id FROM task INDEXED BY task_child WHERE root_id <> id AND key < ? ORDER BY key DESC LIMIT ?',
    )
    // One step in the index for each.
    this.#states = file.prepare(
      `WITH RECURSIVE step(state) AS (
         SELECT min(state) FROM task
         UNION ALL SELECT (SELECT min(state) FROM task WHERE state > step.state) FROM step WHERE step.state IS NOT NULL
         LIMIT ?
       ) SELECT state FROM step WHERE state IS NOT NULL`,
    )
    this.#lastKey = file.prepare('SELECT max(key) FROM task').all<[number | null]>([])[0]?.[0] ?? 0
    this.count = blocks.countRows()
  }

  /** Must run inside a transaction. */
  put(record: TaskRecord, seenMs: number): void {
    const row = this.find(record.id)
    if (!row) {
      const key = Math.max(this.#lastKey + 1, keyAt(seenMs))
      this.#lastKey = key
      this.#insert.run([key, ...valuesOf(record)])
      this.#blocks.add(key, record)
      this.count++
      return
    }
    const [key] = row
    const known = recordOf(row)
    const merged = mergeRecords(known, record)
    const values = valuesOf(merged)
    if (values.every((value, place) => value === row[place + 1])) return
    this.#update.run([...values, key])
    this.#blocks.change(key, merged)
  }

  /** Call after a rollback. */
  forget(file: HistoryFile): void {
    this.#lastKey = file.prepare('SELECT max(key) FROM task').all<[number | null]>([])[0]?.[0] ?? 0
    this.count = this.#blocks.countRows()
  }

  find(id: string): TaskRow | undefined {
    return this.#find.all<TaskRow>([id])[0]
  }

  /** The distinct states; undefined when there are too many. */
  states(): readonly string[] | undefined {
    const rows = this.#states.all<[string]>([MOST_STATES + 1])
    return rows.length > MOST_STATES ? undefined : rows.map(([state]) => state)
  }

  family(rootId: string, limit: number): TaskRow[] {
    return this.#family.all<TaskRow>([rootId, rootId, limit])
  }

  children(limit: number, before: number): readonly (readonly [key: number, rootId: string])[] {
    return this.#children.all<[number, string]>([before, limit])
  }
}
