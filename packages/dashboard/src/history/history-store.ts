import type { SearchPlan } from '../search/search-plan.js'
import type { AuditEntry, AuditQuery, NewAuditEntry } from './audit-entry.js'
import type { Gap } from './gap.js'
import type { RollupChange, SeriesPoint, SeriesQuery } from './rollup.js'
import type { TaskEntry, TaskSummary } from './task-entry.js'
import type { TaskPatch } from './task-patch.js'

/** Which tasks, and where their page begins. */
export interface TaskQuery {
  readonly fleet: string
  readonly plan: SearchPlan
  /** Most tasks that are returned. */
  readonly limit: number
  /** Only tasks with a smaller key than this: the key of the last one of the page before. */
  readonly before?: number
  /** Only tasks with a greater key: turns the page back; the result is newest first all the same. */
  readonly after?: number
  /** Tasks that are looked at before the search stops and says so. Default 50,000. */
  readonly budget?: number
}

/** A piece of the history, newest first. */
export interface TaskSlice {
  readonly items: readonly TaskSummary[]
  /** Whether nothing older can match. */
  readonly isWhole: boolean
  /** Where to go on: `before` of the next query; undefined when `isWhole`. */
  readonly next?: number
  /** Tasks that were looked at. */
  readonly looked: number
}

/** What becomes known in one moment. */
export interface HistoryBatch {
  readonly fleet: string
  readonly tasks: readonly TaskPatch[]
  readonly rollups: readonly RollupChange[]
  /** Until when this dashboard has listened, Unix ms; a later start finds the gap by it. */
  readonly heardUntilMs: number
}

/** How much is kept. */
export interface Retention {
  /** Tasks older than this go. */
  readonly taskMs: number
  /** Tasks beyond this number go, the oldest first. */
  readonly taskRows: number
  readonly minuteMs: number
  readonly hourMs: number
  readonly auditMs: number
}

/** How often a value of a field occurs: an estimate, counted in what is newest. */
export interface Facet {
  readonly value: string
  readonly count: number
}

/** Where the history lies. One implementation per database; all methods take many things at once. */
export interface HistoryStore {
  /** Where it is, without a password. */
  readonly location: string
  /** Adds what a batch says to what is known, in one transaction. The same batch twice counts once in tasks, twice in rollups. */
  write(batch: HistoryBatch): Promise<void>
  tasks(query: TaskQuery): Promise<TaskSlice>
  /** Tasks by id; those that are not known are left out. */
  find(fleet: string, ids: readonly string[]): Promise<readonly TaskEntry[]>
  /** Tasks of a workflow, the oldest first. */
  family(fleet: string, rootId: string, limit: number): Promise<readonly TaskEntry[]>
  series(query: SeriesQuery): Promise<readonly SeriesPoint[]>
  /** Values that `name`, `state`, `worker`, `queue` have had, the most frequent first. */
  facets(
    fleet: string,
    field: 'name' | 'state' | 'worker' | 'queue',
    limit: number,
  ): Promise<readonly Facet[]>
  /** An estimate: it costs no count. */
  size(fleet: string): Promise<{ readonly tasks: number; readonly oldestMs: number | null }>
  /** Until when a fleet was listened to; undefined before the first time. */
  heardUntil(fleet: string): Promise<number | undefined>
  putGap(gap: Gap): Promise<void>
  gaps(fleet: string, limit: number): Promise<readonly Gap[]>
  audit(entries: readonly NewAuditEntry[]): Promise<void>
  auditTrail(query: AuditQuery): Promise<readonly AuditEntry[]>
  /** Removes what is beyond the bounds, a bounded number of rows at a time; tells how many tasks went. */
  prune(retention: Retention, nowMs: number): Promise<number>
  close(): Promise<void>
}
