import type { SearchPlan } from '../search/search-plan.js'
import type { AuditEntry, AuditQuery, NewAuditEntry } from './audit-entry.js'
import type { Gap } from './gap.js'
import type { RollupChange, SeriesPoint, SeriesQuery } from './rollup.js'
import type { TaskEntry, TaskSummary } from './task-entry.js'
import type { TaskRecord } from './task-record.js'

/** Which tasks, and where their page begins. */
export interface TaskQuery {
  readonly plan: SearchPlan
  /** Most tasks that are returned. */
  readonly limit: number
  /** Only tasks with a smaller key than this: the key of the last one of the page before. */
  readonly before?: number
  /** Only tasks with a greater key, the nearest ones: turns a page back. The result is newest first all the same. */
  readonly after?: number
  /** Tasks that are looked at, roughly, before the search stops and says so. Default 50,000. */
  readonly budget?: number
}

/** A piece of the history, newest first. */
export interface TaskSlice {
  readonly items: readonly TaskSummary[]
  /** Nothing further can match, in the direction of the search. */
  readonly isWhole: boolean
  /** Where to go on (`before`, or `after`); undefined when `isWhole`. */
  readonly next?: number
  /** Tasks that were looked at, or passed over because they cannot match. */
  readonly looked: number
}

/** What becomes known in one moment. */
export interface HistoryBatch {
  readonly tasks: readonly TaskRecord[]
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

/** A task that another one led to. */
export interface ChildTask {
  readonly key: number
  readonly rootId: string
}

/** The fields whose values forms offer. */
export type FacetField = 'name' | 'state' | 'worker' | 'queue'

/** The history of one fleet, in one database. All methods take many things at once. */
export interface HistoryStore {
  /** Where it is, without a password. */
  readonly location: string
  /** Adds what a batch says to what is known, in one transaction. The same batch twice counts once in tasks, twice in rollups. */
  write(batch: HistoryBatch): Promise<void>
  tasks(query: TaskQuery): Promise<TaskSlice>
  /** Tasks by id; those that are not known are left out. */
  find(ids: readonly string[]): Promise<readonly TaskEntry[]>
  /** Tasks of a workflow and the one that it began with, the oldest first. */
  family(rootId: string, limit: number): Promise<readonly TaskEntry[]>
  /** Tasks that another one led to, the newest first: what workflows are found by. */
  children(limit: number, before?: number): Promise<readonly ChildTask[]>
  series(query: SeriesQuery): Promise<readonly SeriesPoint[]>
  /** Values that a field has had lately, the most frequent first. */
  facets(field: FacetField, limit: number): Promise<readonly Facet[]>
  /** An estimate: it costs no count. */
  size(): Promise<{ readonly tasks: number; readonly oldestMs: number | null }>
  /** Until when the fleet was listened to; undefined before the first time. */
  heardUntil(): Promise<number | undefined>
  putGap(gap: Gap): Promise<void>
  /** The newest ones first. */
  gaps(limit: number): Promise<readonly Gap[]>
  audit(entries: readonly NewAuditEntry[]): Promise<void>
  auditTrail(query: AuditQuery): Promise<readonly AuditEntry[]>
  /** Removes what is beyond the bounds, a bounded number of rows at a time; tells how many tasks went. */
  prune(retention: Retention, nowMs: number): Promise<number>
  close(): Promise<void>
}
