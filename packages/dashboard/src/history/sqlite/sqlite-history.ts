import { setImmediate as turn } from 'node:timers/promises'
import type { SearchNode } from '../../search/search-node.js'
import type { AuditEntry, AuditQuery, NewAuditEntry } from '../audit-entry.js'
import { blockFilter } from '../block-filter.js'
import type { Gap } from '../gap.js'
import type {
  Counted,
  Facet,
  FacetField,
  HistoryBatch,
  HistoryStore,
  Retention,
  TaskQuery,
  TaskSlice,
  WorkflowTask,
} from '../history-store.js'
import type { JobLine } from '../job-line.js'
import type { SeriesPoint, SeriesQuery } from '../rollup.js'
import { countBlocks, searchBlocks } from '../search-blocks.js'
import { SQLITE, searchSql } from '../search-sql.js'
import { entryOf, keyAt, recordOf, seenMsOf, summaryOf, TASK_SELECT, type TaskRow } from '../task-columns.js'
import type { TaskEntry } from '../task-entry.js'
import { withoutNot } from '../without-not.js'
import { BlockTable } from './block-table.js'
import { type HistoryFile, openHistoryFile, type Statement } from './database.js'
import { JobTable } from './job-table.js'
import { SmallTables } from './small-tables.js'
import { TaskTable } from './task-table.js'

/** The number of newest tasks in which field values are counted. */
const NEWEST = 1000
/** The most search statements kept prepared. */
const KEPT_STATEMENTS = 64
/** Ranges read without a break. */
const PIECES = 8
/** Blocks removed per call. */
const PRUNED_BLOCKS = 128

/** A history in a SQLite file of its own. */
export class SqliteHistory implements HistoryStore {
  readonly location: string
  readonly #fleet: string
  readonly #file: HistoryFile
  readonly #blocks: BlockTable
  readonly #tasks: TaskTable
  readonly #small: SmallTables
  readonly #jobs: JobTable
  readonly #searches = new Map<string, Statement>()
  readonly #facets: ReadonlyMap<FacetField, Statement>
  readonly #oldest: Statement
  #reading: NodeJS.Immediate | undefined

  /** @throws {ConnectionError} LVG_STORE_UNSUITABLE. */
  constructor(path: string, fleet: string) {
    this.location = `sqlite://${path}`
    this.#fleet = fleet
    this.#file = openHistoryFile(path)
    this.#blocks = new BlockTable(this.#file)
    this.#tasks = new TaskTable(this.#file, this.#blocks)
    this.#small = new SmallTables(this.#file)
    this.#jobs = new JobTable(this.#file)
    const facet = (field: FacetField): [FacetField, Statement] => [
      field,
      this.#file.prepare(
        `SELECT value, count(*) AS n FROM (SELECT ${field} AS value FROM task ORDER BY key DESC LIMIT ${NEWEST})
         WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT ?`,
      ),
    ]
    this.#facets = new Map((['name', 'state', 'worker', 'queue'] as const).map(facet))
    this.#oldest = this.#file.prepare('SELECT min(key) FROM task')
    this.#readBlocks()
  }

  /** The first search of a million tasks would wait a third of a second for it. */
  #readBlocks(): void {
    this.#reading = setImmediate(() => {
      if (this.#blocks.readMore()) this.#readBlocks()
    })
  }

  write({ tasks, rollups, heardUntilMs, seenMs = heardUntilMs }: HistoryBatch): Promise<void> {
    return this.#file.whenFree(() => this.#write({ tasks, rollups, heardUntilMs, seenMs }))
  }

  #write({ tasks, rollups, heardUntilMs, seenMs }: Required<HistoryBatch>): void {
    let hasBegun = false
    try {
      this.#file.transaction(() => {
        hasBegun = true
        if (this.#file.isChangedByOthers()) this.#reload()
        for (const record of tasks) this.#tasks.put(record, seenMs)
        this.#blocks.save()
        this.#small.count(rollups)
        this.#small.putFact('heardUntilMs', String(heardUntilMs))
      })
    } catch (error) {
      if (hasBegun) this.#reload()
      throw error
    }
  }

  tasks(query: TaskQuery): Promise<TaskSlice> {
    return this.#found(query, (row) => summaryOf(this.#fleet, row[0], recordOf(row)))
  }
  entries(query: TaskQuery): Promise<TaskSlice<TaskEntry>> {
    return this.#found(query, (row) => this.#entry(row))
  }

  async #found<Item>(query: TaskQuery, itemOf: (row: TaskRow) => Item): Promise<TaskSlice<Item>> {
    const node = await withoutNot(query.plan.node, async () => this.#tasks.states())
    const condition = searchSql(node, SQLITE)
    const filter = blockFilter(node)
    let pieces = 0
    const { rows, ...rest } = await searchBlocks(
      { ...query, plan: { ...query.plan, node } },
      {
        parts: async (...range) => {
          await turn()
          return this.#blocks.parts(...range, filter)
        },
        rows: async (towards, ranges, limit) => {
          const order = towards === 'older' ? 'DESC' : 'ASC'
          const statement = this.#search(
            `SELECT ${TASK_SELECT} FROM task WHERE key >= ? AND key <= ? AND ${condition.sql} ORDER BY key ${order} LIMIT ?`,
          )
          // Small steps run together; other work runs between larger ones.
          if (++pieces % PIECES === 0) await turn()
          const found: TaskRow[] = []
          for (const [fromKey, toKey] of ranges) {
            if (found.length >= limit) break
            found.push(...statement.all<TaskRow>([fromKey, toKey, ...condition.values, limit - found.length]))
          }
          return found
        },
      },
    )
    const items = rows.map(itemOf)
    return { items: query.after === undefined ? items : items.reverse(), ...rest }
  }

  async count(search: SearchNode, most: number): Promise<Counted> {
    if (search.kind === 'all') return { count: this.#tasks.count, isExact: true }
    const node = await withoutNot(search, async () => this.#tasks.states())
    const condition = searchSql(node, SQLITE)
    const filter = blockFilter(node)
    const statement = this.#search(
      `SELECT count(*) FROM task WHERE key >= ? AND key <= ? AND ${condition.sql}`,
    )
    return countBlocks(
      most,
      async (...range) => this.#blocks.parts(...range, filter),
      async (ranges) => {
        await turn()
        return ranges.reduce(
          (sum, range) => sum + (statement.one<[number]>([...range, ...condition.values])?.[0] ?? 0),
          0,
        )
      },
    )
  }

  async find(ids: readonly string[]): Promise<readonly TaskEntry[]> {
    return ids.flatMap((id) => {
      const row = this.#tasks.find(id)
      return row ? [this.#entry(row)] : []
    })
  }

  async family(ids: readonly string[], limit: number): Promise<readonly TaskEntry[]> {
    return this.#tasks.family(ids, limit).map((row) => this.#entry(row))
  }

  async workflowTasks(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly WorkflowTask[]> {
    return this.#tasks.workflowTasks(limit, before).map(([key, workflowId]) => ({ key, workflowId }))
  }

  async series(query: SeriesQuery): Promise<readonly SeriesPoint[]> {
    return this.#small.series(query)
  }

  async facets(field: FacetField, limit: number): Promise<readonly Facet[]> {
    const rows = this.#facets.get(field)?.all<[string, number]>([limit]) ?? []
    return rows.map(([value, count]) => ({ value, count }))
  }

  async size(): Promise<{ readonly tasks: number; readonly oldestMs: number | null }> {
    const key = this.#oldest.all<[number | null]>([])[0]?.[0] ?? null
    return { tasks: this.#tasks.count, oldestMs: key === null ? null : seenMsOf(key) }
  }

  async heardUntil(): Promise<number | undefined> {
    const value = this.#small.fact('heardUntilMs')
    return value === undefined ? undefined : Number(value)
  }

  putGap(gap: Gap): Promise<void> {
    return this.#written(() => this.#small.putGap(gap))
  }
  async gaps(limit: number): Promise<readonly Gap[]> {
    return this.#small.gaps(limit)
  }
  audit(entries: readonly NewAuditEntry[]): Promise<void> {
    return this.#written(() => this.#small.audit(entries))
  }
  async auditTrail(query: AuditQuery): Promise<readonly AuditEntry[]> {
    return this.#small.auditTrail(query)
  }

  putJob(job: JobLine, seenMs: number): Promise<void> {
    return this.#written(() => this.#jobs.put(job, seenMs))
  }
  async jobs(limit: number): Promise<readonly JobLine[]> {
    return this.#jobs.list(limit)
  }
  async interruptJobs(seenBeforeMs: number): Promise<readonly JobLine[]> {
    // Asked by each look at the jobs, which must not wait for the write lock.
    if (this.#jobs.lost(seenBeforeMs).length === 0) return []
    return this.#written(() => this.#jobs.interrupt(seenBeforeMs))
  }

  endSession(id: string, expiresMs: number): Promise<void> {
    return this.#written(() => this.#small.endSession(id, expiresMs))
  }
  async isSessionEnded(id: string): Promise<boolean> {
    return this.#small.isSessionEnded(id)
  }

  async prune(retention: Retention, nowMs: number): Promise<number> {
    await this.#written(() => {
      this.#small.prune(retention, nowMs)
      this.#jobs.prune(nowMs - retention.auditMs)
    })
    let removed = 0
    for (let block = 0; block < PRUNED_BLOCKS; block++) {
      await turn()
      const gone = await this.#file.whenFree(() => this.#removeOldest(retention, nowMs))
      if (gone === 0) break
      removed += gone
    }
    return removed
  }

  /**
   * Writes in a transaction, once it can. A statement that fails by itself because of the lock is not reset by the library: what the
   * connection writes after it is not committed until the statement is collected.
   */
  #written<T>(work: () => T): Promise<T> {
    return this.#file.whenFree(() => this.#file.transaction(work))
  }

  #removeOldest({ taskRows, taskMs }: Retention, nowMs: number): number {
    const tooMany = this.#tasks.count - taskRows
    const gone = this.#file.transaction(() => this.#blocks.removeOldest(keyAt(nowMs - taskMs), tooMany))
    // At once: what is written next must not count on rows that are gone.
    if (gone > 0) this.#tasks.removed(gone)
    return gone
  }

  async close(): Promise<void> {
    clearImmediate(this.#reading)
    this.#file.close()
  }

  #reload(): void {
    this.#blocks.reload()
    this.#tasks.reload()
  }

  #entry(row: TaskRow): TaskEntry {
    return entryOf(this.#fleet, row[0], recordOf(row))
  }

  #search(sql: string): Statement {
    const known = this.#searches.get(sql)
    if (known) return known
    const statement = this.#file.prepare(sql)
    this.#searches.set(sql, statement)
    const [oldest] = this.#searches.keys()
    if (this.#searches.size > KEPT_STATEMENTS && oldest !== undefined) this.#searches.delete(oldest)
    return statement
  }
}
