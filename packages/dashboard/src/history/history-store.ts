import type { EndedSessions } from '../access/ended-sessions.js'
import type { SearchNode } from '../search/search-node.js'
import type { SearchPlan } from '../search/search-plan.js'
import type { AuditEntry, AuditQuery, NewAuditEntry } from './audit-entry.js'
import type { Gap } from './gap.js'
import type { JobLine } from './job-line.js'
import type { RollupChange, SeriesPoint, SeriesQuery } from './rollup.js'
import type { TaskEntry, TaskSummary } from './task-entry.js'
import type { TaskRecord } from './task-record.js'

/** A query for tasks, and the start of the page. */
export interface TaskQuery {
  readonly plan: SearchPlan
  /** The maximum number of tasks returned. */
  readonly limit: number
  /** Only tasks with a smaller key: that of the last task on the previous page. */
  readonly before?: number
  /** Only the nearest tasks with a greater key, for paging back. The result is still newest first. */
  readonly after?: number
  /** The approximate number of tasks examined before the search stops and reports it: half as many where every text is searched. Default 10,000. */
  readonly budget?: number
}

/** A slice of the history, newest first. */
export interface TaskSlice<Item = TaskSummary> {
  readonly items: readonly Item[]
  /** Whether nothing further can match in the search's direction. */
  readonly isWhole: boolean
  /** Where to continue (`before`, or `after`); undefined when `isWhole`. */
  readonly next?: number
  /** The number of tasks examined, or skipped because they cannot match. */
  readonly looked: number
}

/** How many tasks a search finds: at least so many where it is not exact. */
export interface Counted {
  readonly count: number
  readonly isExact: boolean
}

/** One batch of new information. */
export interface HistoryBatch {
  readonly tasks: readonly TaskRecord[]
  readonly rollups: readonly RollupChange[]
  /** The time until which this dashboard has listened, Unix ms; a later start finds the gap by it. */
  readonly heardUntilMs: number
  /** When its new tasks were heard of. Default `heardUntilMs`. */
  readonly seenMs?: number
}

/** The retention limits. */
export interface Retention {
  /** Tasks older than this are removed. */
  readonly taskMs: number
  /** Tasks beyond this number are removed, oldest first. */
  readonly taskRows: number
  readonly minuteMs: number
  readonly hourMs: number
  readonly auditMs: number
}

/** The frequency of a field's value, estimated from the newest tasks. */
export interface Facet {
  readonly value: string
  readonly count: number
}

/** A task of a workflow: sent by another one, or in a group. */
export interface WorkflowTask {
  readonly key: number
  /** Its workflow's id: the root, or for a member of a group that was called by itself the group. */
  readonly workflowId: string
}

/** The fields whose values are offered in forms. */
export type FacetField = 'name' | 'state' | 'worker' | 'queue'

/** The history of one fleet, in one database. All methods work in bulk. */
export interface HistoryStore extends EndedSessions {
  /** Where it is, without a password. */
  readonly location: string
  /** Merges a batch into the history, in one transaction. The same batch twice counts once in tasks, twice in rollups. */
  write(batch: HistoryBatch): Promise<void>
  tasks(query: TaskQuery): Promise<TaskSlice>
  /** The same with everything that is known of each task. */
  entries(query: TaskQuery): Promise<TaskSlice<TaskEntry>>
  /** Counts what a search finds; from `most` on it may stop. */
  count(node: SearchNode, most: number): Promise<Counted>
  /** Returns tasks by id; unknown ones are omitted. */
  find(ids: readonly string[]): Promise<readonly TaskEntry[]>
  /** Returns the tasks that these ids name, or whose root or group they are, oldest first. */
  family(ids: readonly string[], limit: number): Promise<readonly TaskEntry[]>
  /** Returns tasks sent by other tasks, and those of groups, newest first. */
  workflowTasks(limit: number, before?: number): Promise<readonly WorkflowTask[]>
  series(query: SeriesQuery): Promise<readonly SeriesPoint[]>
  /** Returns a field's recent values, most frequent first. */
  facets(field: FacetField, limit: number): Promise<readonly Facet[]>
  /** Returns an estimate, without counting. */
  size(): Promise<{ readonly tasks: number; readonly oldestMs: number | null }>
  /** Returns the time until which the fleet was listened to; undefined before the first time. */
  heardUntil(): Promise<number | undefined>
  putGap(gap: Gap): Promise<void>
  /** The newest ones first. */
  gaps(limit: number): Promise<readonly Gap[]>
  audit(entries: readonly NewAuditEntry[]): Promise<void>
  auditTrail(query: AuditQuery): Promise<readonly AuditEntry[]>
  /** Writes a job, and that the dashboard which runs it is alive. */
  putJob(job: JobLine, seenMs: number): Promise<void>
  /** The newest ones first. */
  jobs(limit: number): Promise<readonly JobLine[]>
  /** Marks running jobs whose dashboard was not seen since then as interrupted, and returns them: each once. */
  interruptJobs(seenBeforeMs: number): Promise<readonly JobLine[]>
  /** Removes tasks beyond the retention limits, a bounded number of rows at a time; returns how many. */
  prune(retention: Retention, nowMs: number): Promise<number>
  close(): Promise<void>
}
