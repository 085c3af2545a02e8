import { keyAt, recordOf, TASK_COLUMNS, TASK_SELECT, type TaskRow, WORKFLOW_ID } from '../task-columns.js'
import { mergeRecords, type TaskRecord } from '../task-record.js'
import { MOST_STATES } from '../without-not.js'
import type { BlockTable } from './block-table.js'
import type { HistoryFile, SqlValue, Statement } from './database.js'
import { OpenTasks } from './open-tasks.js'

/** The most statements kept prepared for updates: there are few sets of columns that change together. */
const MOST_UPDATES = 64

/** SQLite's LIKE takes a zero byte for the end of a text. */
const storable = (value: string | number | null): string | number | null =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\u{fffd}') : value

/** The tasks of a file. */
export class TaskTable {
  readonly #file: HistoryFile
  readonly #blocks: BlockTable
  readonly #open = new OpenTasks()
  readonly #find: Statement
  readonly #insert: Statement
  readonly #updates = new Map<string, Statement>()
  readonly #family: Statement
  readonly #workflowTasks: Statement
  readonly #states: Statement
  readonly #newest: Statement
  readonly #values: SqlValue[] = []
  #lastKey = 0
  /** The number of tasks. */
  count = 0

  constructor(file: HistoryFile, blocks: BlockTable) {
    this.#file = file
    this.#blocks = blocks
    this.#find = file.prepare(`SELECT ${TASK_SELECT} FROM task WHERE id = ?`)
    this.#insert = file.prepare(
      `INSERT INTO task (${TASK_SELECT}) VALUES (${['?', ...TASK_COLUMNS.map(() => '?')].join(', ')})
       ON CONFLICT (id) DO NOTHING`,
    )
    this.#family = file.prepare(
      `WITH wanted (id) AS MATERIALIZED (SELECT value FROM json_each(?))
       SELECT ${TASK_SELECT} FROM task WHERE id IN (SELECT id FROM wanted)
       OR (root_id IN (SELECT id FROM wanted) AND root_id <> id)
       OR (group_id IN (SELECT id FROM wanted) AND group_id IS NOT NULL) ORDER BY key LIMIT ?`,
    )
    this.#workflowTasks = file.prepare(
      `SELECT key, ${WORKFLOW_ID} FROM task INDEXED BY task_child
       WHERE (root_id <> id OR group_id IS NOT NULL) AND key < ? ORDER BY key DESC LIMIT ?`,
    )
    // One step in the index for each.
    this.#states = file.prepare(
      `WITH RECURSIVE step(state) AS (
         SELECT min(state) FROM task
         UNION ALL SELECT (SELECT min(state) FROM task WHERE state > step.state) FROM step WHERE step.state IS NOT NULL
         LIMIT ?
       ) SELECT state FROM step WHERE state IS NOT NULL`,
    )
    this.#newest = file.prepare('SELECT max(key) FROM task')
    this.reload()
  }

  /** Must run inside a transaction. */
  put(record: TaskRecord, seenMs: number): void {
    const open = this.#open.get(record.id)
    if (open) {
      this.#merge(open.key, open.record, record)
      return
    }
    // Nearly always new: it is only looked up when its id is taken.
    const key = Math.max(this.#lastKey + 1, keyAt(seenMs))
    if (this.#insert.run(this.#bound(key, record)) > 0) {
      this.#lastKey = key
      this.#blocks.add(key, record)
      this.#open.put(key, record)
      this.count++
      return
    }
    const row = this.find(record.id)
    if (row) this.#merge(row[0], recordOf(row), record)
  }

  /** The values of a new row, in a list that is used again: thousands are written per second. */
  #bound(key: number, record: TaskRecord): readonly SqlValue[] {
    const values = this.#values
    values[0] = key
    for (const [place, [, field]] of TASK_COLUMNS.entries()) values[place + 1] = storable(record[field])
    return values
  }

  #merge(key: number, known: TaskRecord, news: TaskRecord): void {
    const merged = mergeRecords(known, news)
    const columns: string[] = []
    const values: SqlValue[] = []
    for (const [column, field] of TASK_COLUMNS) {
      if (merged[field] === known[field]) continue
      columns.push(column)
      values.push(storable(merged[field]))
    }
    this.#open.put(key, merged)
    if (columns.length === 0) return
    this.#updateOf(columns).run([...values, key])
    this.#blocks.change(key, merged, known)
  }

  /** Columns that stay the same are left alone, and their indexes too. */
  #updateOf(columns: readonly string[]): Statement {
    const set = columns.map((column) => `${column} = ?`).join(', ')
    const known = this.#updates.get(set)
    if (known) return known
    const [oldest] = this.#updates.keys()
    if (this.#updates.size >= MOST_UPDATES && oldest !== undefined) this.#updates.delete(oldest)
    const statement = this.#file.prepare(`UPDATE task SET ${set} WHERE key = ?`)
    this.#updates.set(set, statement)
    return statement
  }

  /** Call when the oldest tasks were removed. */
  removed(count: number): void {
    this.#open.clear()
    this.count -= count
  }

  /** Call after a rollback, and after a write of another process. */
  reload(): void {
    this.#open.clear()
    this.#lastKey = this.#newest.one<[number | null]>([])?.[0] ?? 0
    this.count = this.#blocks.countRows()
  }

  find(id: string): TaskRow | undefined {
    return this.#find.one<TaskRow>([id])
  }

  /** The distinct states; undefined when there are too many. */
  states(): readonly string[] | undefined {
    const rows = this.#states.all<[string]>([MOST_STATES + 1])
    return rows.length > MOST_STATES ? undefined : rows.map(([state]) => state)
  }

  family(ids: readonly string[], limit: number): TaskRow[] {
    return this.#family.all<TaskRow>([JSON.stringify(ids), limit])
  }

  workflowTasks(limit: number, before: number): readonly (readonly [key: number, workflowId: string])[] {
    return this.#workflowTasks.all<[number, string]>([before, limit])
  }
}
