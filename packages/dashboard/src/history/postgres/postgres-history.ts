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
import { interrupted, type JobLine, jobOf } from '../job-line.js'
import type { SeriesPoint, SeriesQuery } from '../rollup.js'
import { countBlocks, searchBlocks } from '../search-blocks.js'
import { POSTGRES, searchSql } from '../search-sql.js'
import {
  entryOf,
  keyAt,
  recordOf,
  seenMsOf,
  summaryOf,
  TASK_SELECT,
  type TaskRow,
  WORKFLOW_ID,
} from '../task-columns.js'
import type { TaskEntry } from '../task-entry.js'
import { MOST_STATES, withoutNot } from '../without-not.js'
import { BlockCache } from './block-cache.js'
import { blockCondition } from './block-condition.js'
import type { HistoryDatabase, Session } from './database.js'
import { addCounts, putTasks } from './write.js'

const NEWEST = 1000
const PRUNED_BLOCKS = 128

/** A history in a schema of a PostgreSQL database. Several dashboards may write the same one. */
export class PostgresHistory implements HistoryStore {
  readonly #database: HistoryDatabase
  readonly #fleet: string
  readonly #blocks: BlockCache

  constructor(database: HistoryDatabase, fleet: string) {
    this.#database = database
    this.#fleet = fleet
    this.#blocks = new BlockCache(database)
  }

  get location(): string {
    return this.#database.location
  }

  async write({ tasks, rollups, heardUntilMs, seenMs = heardUntilMs }: HistoryBatch): Promise<void> {
    await this.#database.transaction(async (session) => {
      await putTasks(session, tasks, seenMs)
      await addCounts(session, rollups)
      await session.query(
        `INSERT INTO fact (name, value) VALUES ('heardUntilMs', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
        [String(heardUntilMs)],
      )
    })
  }

  tasks(query: TaskQuery): Promise<TaskSlice> {
    return this.#found(query, (row) => summaryOf(this.#fleet, row[0], recordOf(row)))
  }
  entries(query: TaskQuery): Promise<TaskSlice<TaskEntry>> {
    return this.#found(query, (row) => this.#entry(row))
  }

  async #found<Item>(query: TaskQuery, itemOf: (row: TaskRow) => Item): Promise<TaskSlice<Item>> {
    const [node] = await Promise.all([
      withoutNot(query.plan.node, () => this.#states()),
      query.plan.node.kind === 'all' ? undefined : this.#blocks.catchUp(),
    ])
    const condition = searchSql(node, POSTGRES, 4)
    const [filter, blocks] = [blockFilter(node), blockCondition(node)]
    const { rows, ...rest } = await searchBlocks(
      { ...query, plan: { ...query.plan, node } },
      {
        parts: (...range) => this.#blocks.parts(...range, filter, blocks),
        rows: (towards, ranges, limit) => {
          const order = towards === 'older' ? 'DESC' : 'ASC'
          return this.#database.query<TaskRow>(
            `SELECT found.* FROM unnest($1::bigint[], $2::bigint[]) AS range(low, high), LATERAL (
               SELECT ${TASK_SELECT} FROM task WHERE key >= low AND key <= high AND ${condition.sql} ORDER BY key ${order} LIMIT $3
             ) AS found ORDER BY found.key ${order} LIMIT $3`,
            [ranges.map(([from]) => from), ranges.map(([, to]) => to), limit, ...condition.values],
          )
        },
      },
    )
    const items = rows.map(itemOf)
    return { items: query.after === undefined ? items : items.reverse(), ...rest }
  }

  async count(search: SearchNode, most: number): Promise<Counted> {
    if (search.kind === 'all') return { count: (await this.size()).tasks, isExact: true }
    const [node] = await Promise.all([withoutNot(search, () => this.#states()), this.#blocks.catchUp()])
    const condition = searchSql(node, POSTGRES, 3)
    const [filter, blocks] = [blockFilter(node), blockCondition(node)]
    return countBlocks(
      most,
      (...range) => this.#blocks.parts(...range, filter, blocks),
      async (ranges) => {
        const [row] = await this.#database.query<[number]>(
          `SELECT count(*) FROM unnest($1::bigint[], $2::bigint[]) AS range(low, high), task
           WHERE key >= low AND key <= high AND ${condition.sql}`,
          [ranges.map(([from]) => from), ranges.map(([, to]) => to), ...condition.values],
        )
        return row?.[0] ?? 0
      },
    )
  }

  async find(ids: readonly string[]): Promise<readonly TaskEntry[]> {
    if (ids.length === 0) return []
    const rows = await this.#database.query<TaskRow>(`SELECT ${TASK_SELECT} FROM task WHERE id = ANY($1)`, [
      ids,
    ])
    const byId = new Map(rows.map((row) => [row[1], row]))
    return ids.flatMap((id) => {
      const row = byId.get(id)
      return row ? [this.#entry(row)] : []
    })
  }

  async family(ids: readonly string[], limit: number): Promise<readonly TaskEntry[]> {
    if (ids.length === 0) return []
    const rows = await this.#database.query<TaskRow>(
      `SELECT ${TASK_SELECT} FROM task
       WHERE id = ANY($1) OR (root_id = ANY($1) AND root_id <> id) OR (group_id = ANY($1) AND group_id IS NOT NULL)
       ORDER BY key LIMIT $2`,
      [ids, limit],
    )
    return rows.map((row) => this.#entry(row))
  }

  async workflowTasks(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly WorkflowTask[]> {
    const rows = await this.#database.query<[number, string]>(
      `SELECT key, ${WORKFLOW_ID} FROM task
       WHERE (root_id <> id OR group_id IS NOT NULL) AND key < $1 ORDER BY key DESC LIMIT $2`,
      [before, limit],
    )
    return rows.map(([key, workflowId]) => ({ key, workflowId }))
  }

  async series({ step, fromMs, toMs, name = '', each }: SeriesQuery): Promise<readonly SeriesPoint[]> {
    const rows = await this.#database.query<[number, string, string, number, number, number]>(
      `SELECT ms, name, kind, count, runtime_ms, max_runtime_ms FROM rollup
       WHERE step = $1 AND ms >= $2 AND ms < $3 AND ${each ? "name <> ''" : 'name = $4'} ORDER BY ms`,
      [step, fromMs, toMs, ...(each ? [] : [name])],
    )
    return rows.map(([ms, task, kind, count, runtimeMs, maxRuntimeMs]) => ({
      ms,
      name: task,
      kind,
      count,
      runtimeMs,
      maxRuntimeMs,
    }))
  }

  async facets(field: FacetField, limit: number): Promise<readonly Facet[]> {
    const rows = await this.#database.query<[string, number]>(
      `SELECT value, count(*) AS n FROM (SELECT ${field} AS value FROM task ORDER BY key DESC LIMIT ${NEWEST}) AS newest
       WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT $1`,
      [limit],
    )
    return rows.map(([value, count]) => ({ value, count }))
  }

  async size(): Promise<{ readonly tasks: number; readonly oldestMs: number | null }> {
    await this.#blocks.catchUp()
    const counted = this.#blocks.countRows()
    const [row] = await this.#database.query<[number | null, number | null]>(
      `SELECT (SELECT min(key) FROM task), ${counted === undefined ? '(SELECT coalesce(sum(row_count), 0) FROM block)' : 'NULL::bigint'}`,
    )
    const [key = null, sum] = row ?? []
    return { tasks: counted ?? sum ?? 0, oldestMs: key === null ? null : seenMsOf(key) }
  }

  async heardUntil(): Promise<number | undefined> {
    const [row] = await this.#database.query<[string]>(`SELECT value FROM fact WHERE name = 'heardUntilMs'`)
    return row === undefined ? undefined : Number(row[0])
  }

  async putGap({ fromMs, reason, toMs, lostEvents, filled }: Gap): Promise<void> {
    await this.#database.query(
      `INSERT INTO gap (from_ms, reason, to_ms, lost_events, filled) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (from_ms, reason) DO UPDATE SET to_ms = excluded.to_ms, lost_events = excluded.lost_events, filled = excluded.filled`,
      [Math.floor(fromMs), reason, toMs === null ? null : Math.floor(toMs), lostEvents, filled],
    )
  }
  async gaps(limit: number): Promise<readonly Gap[]> {
    const rows = await this.#database.query<[number, Gap['reason'], number | null, number | null, number]>(
      'SELECT from_ms, reason, to_ms, lost_events, filled FROM gap ORDER BY from_ms DESC LIMIT $1',
      [limit],
    )
    return rows.map(([fromMs, reason, toMs, lostEvents, filled]) => ({
      fromMs,
      reason,
      toMs,
      lostEvents,
      filled,
    }))
  }

  async audit(entries: readonly NewAuditEntry[]): Promise<void> {
    for (const { ms, person, role, action, target, count, outcome, details } of entries)
      await this.#database.query(
        'INSERT INTO audit (ms, person, role, action, target, count, outcome, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        [ms, person, role, action, target, count, outcome, details],
      )
  }
  async auditTrail({ before, limit, ...equal }: AuditQuery): Promise<readonly AuditEntry[]> {
    const values: (string | number)[] = [limit]
    const conditions = Object.entries({ ...equal }).flatMap(([column, value]) => {
      if (value === undefined) return []
      values.push(value)
      return [`${column} = $${values.length}`]
    })
    if (before !== undefined) {
      values.push(before)
      conditions.push(`key < $${values.length}`)
    }
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
    type Row = [
      number,
      number,
      string,
      AuditEntry['role'],
      string,
      string,
      number | null,
      AuditEntry['outcome'],
      string,
    ]
    const rows = await this.#database.query<Row>(
      `SELECT key, ms, person, role, action, target, count, outcome, details FROM audit ${where} ORDER BY key DESC LIMIT $1`,
      values,
    )
    return rows.map(([key, ms, person, role, action, target, count, outcome, details]) => ({
      key,
      ms,
      person,
      role,
      action,
      target,
      count,
      outcome,
      details,
    }))
  }

  async putJob(job: JobLine, seenMs: number): Promise<void> {
    await put(this.#database, job, seenMs)
  }
  async jobs(limit: number): Promise<readonly JobLine[]> {
    const rows = await this.#database.query<[string]>(
      'SELECT line FROM job ORDER BY started_ms DESC, id LIMIT $1',
      [limit],
    )
    return rows.map(([line]) => jobOf(line))
  }
  interruptJobs(seenBeforeMs: number): Promise<readonly JobLine[]> {
    return this.#database.transaction(async (session) => {
      const rows = await session.query<[string, number]>(
        'SELECT line, seen_ms FROM job WHERE is_running AND seen_ms < $1',
        [Math.floor(seenBeforeMs)],
      )
      const lost = rows.map(([line, seenMs]) => interrupted(jobOf(line), seenMs))
      for (const job of lost) await put(session, job, job.endedMs ?? 0)
      return lost
    })
  }

  async endSession(id: string, expiresMs: number): Promise<void> {
    await this.#database.query(
      `INSERT INTO ended_session (id, expires_ms) VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET expires_ms = excluded.expires_ms`,
      [id, Math.floor(expiresMs)],
    )
  }
  async isSessionEnded(id: string): Promise<boolean> {
    return (await this.#database.query('SELECT 1 FROM ended_session WHERE id = $1', [id])).length > 0
  }

  async prune({ taskMs, taskRows, minuteMs, hourMs, auditMs }: Retention, nowMs: number): Promise<number> {
    const { query } = this.#database
    await query('DELETE FROM rollup WHERE step = $1 AND ms < $2', ['minute', Math.floor(nowMs - minuteMs)])
    await query('DELETE FROM rollup WHERE step = $1 AND ms < $2', ['hour', Math.floor(nowMs - hourMs)])
    await query('DELETE FROM gap WHERE from_ms < $1', [Math.floor(nowMs - hourMs)])
    await query('DELETE FROM audit WHERE ms < $1', [Math.floor(nowMs - auditMs)])
    await query('DELETE FROM ended_session WHERE expires_ms < $1', [Math.floor(nowMs)])
    await query('DELETE FROM job WHERE NOT is_running AND started_ms < $1', [Math.floor(nowMs - auditMs)])
    let removed = 0
    for (let block = 0; block < PRUNED_BLOCKS; block++) {
      const gone = await this.#removeOldest(keyAt(nowMs - taskMs), taskRows)
      if (gone === 0) break
      removed += gone
    }
    return removed
  }

  /** The distinct states, one step in the index for each. */
  async #states(): Promise<readonly string[] | undefined> {
    const rows = await this.#database.query<[string]>(
      `WITH RECURSIVE step(state) AS (
         SELECT min(state) FROM task
         UNION ALL SELECT (SELECT min(state) FROM task WHERE state > step.state) FROM step WHERE step.state IS NOT NULL
       ) SELECT state FROM step WHERE state IS NOT NULL LIMIT $1`,
      [MOST_STATES + 1],
    )
    return rows.length > MOST_STATES ? undefined : rows.map(([state]) => state)
  }

  async close(): Promise<void> {
    await this.#blocks.close()
    await this.#database.close()
  }

  /** Removes the oldest block with its tasks, unless it is the one being written; returns how many tasks. */
  #removeOldest(beforeKey: number, mostRows: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      const [row] = await session.query<[number, number, number, number, number]>(
        `SELECT from_key, to_key, row_count, (SELECT sum(row_count) FROM block), (SELECT max(from_key) FROM block)
         FROM block ORDER BY from_key LIMIT 1`,
      )
      if (!row) return 0
      const [fromKey, toKey, rows, all, newest] = row
      if ((toKey >= beforeKey && rows > all - mostRows) || fromKey === newest) return 0
      await session.query('DELETE FROM task WHERE key BETWEEN $1 AND $2', [fromKey, toKey])
      await session.query('DELETE FROM block WHERE from_key = $1', [fromKey])
      return rows
    })
  }

  #entry(row: TaskRow): TaskEntry {
    return entryOf(this.#fleet, row[0], recordOf(row))
  }
}

/** Writes a job's row. */
async function put(session: Session, job: JobLine, seenMs: number): Promise<void> {
  await session.query(
    `INSERT INTO job (id, started_ms, seen_ms, is_running, line) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms, is_running = excluded.is_running, line = excluded.line`,
    [job.id, Math.floor(job.startedMs), Math.floor(seenMs), job.state === 'running', JSON.stringify(job)],
  )
}
