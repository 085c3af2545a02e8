import type { TaskEntry, TaskSummary } from './task-entry.js'
import type { TaskRecord } from './task-record.js'
import { readTimeline } from './timeline.js'

/** Columns of `task` after `key`, and the record field in each. */
export const TASK_COLUMNS = [
  ['id', 'id'],
  ['state', 'state'],
  ['changed_ms', 'changedMs'],
  ['process', 'process'],
  ['clock', 'clock'],
  ['source', 'source'],
  ['name', 'name'],
  ['worker', 'worker'],
  ['queue', 'queue'],
  ['sent_ms', 'sentMs'],
  ['received_ms', 'receivedMs'],
  ['started_ms', 'startedMs'],
  ['ended_ms', 'endedMs'],
  ['runtime', 'runtime'],
  ['retries', 'retries'],
  ['percent', 'percent'],
  ['eta', 'eta'],
  ['expires', 'expires'],
  ['root_id', 'rootId'],
  ['parent_id', 'parentId'],
  ['group_id', 'groupId'],
  ['client', 'client'],
  ['args', 'args'],
  ['kwargs', 'kwargs'],
  ['result', 'result'],
  ['exception', 'exception'],
  ['traceback', 'traceback'],
  ['told', 'told'],
  ['timeline', 'timeline'],
] as const satisfies readonly (readonly [string, keyof TaskRecord])[]

/** `key` and every column, as a statement selects them. */
export const TASK_SELECT = ['key', ...TASK_COLUMNS.map(([column]) => column)].join(', ')

/** A workflow's id in the row of one of its tasks. */
export const WORKFLOW_ID = 'CASE WHEN root_id <> id THEN root_id ELSE group_id END'

/** The values of a record in the order of the columns. */
export const valuesOf = (record: TaskRecord): (string | number | null)[] =>
  TASK_COLUMNS.map(([, field]) => record[field])

/** A row with all columns. */
export type TaskRow = readonly [key: number, ...values: (string | number | null)[]]

/** The record in a row. */
export function recordOf(row: TaskRow): TaskRecord {
  const record: Partial<Record<keyof TaskRecord, string | number | null>> = {}
  for (const [place, [, field]] of TASK_COLUMNS.entries()) record[field] = row[place + 1] ?? null
  // The columns are the record's own, each of its type.
  return record as unknown as TaskRecord
}

/** Keys per millisecond. */
const A_MS = 2048

/** The smallest key of a time. */
export const keyAt = (ms: number): number => Math.max(0, Math.floor(ms)) * A_MS
/** When a task was first seen. */
export const seenMsOf = (key: number): number => Math.floor(key / A_MS)

/** A task in list form. Each field is named: copies of all but some are the most of reading a long list. */
export function summaryOf(
  fleet: string,
  key: number,
  record: Omit<TaskSummary, 'fleet' | 'key' | 'seenMs'>,
): TaskSummary {
  return {
    key,
    fleet,
    id: record.id,
    name: record.name,
    state: record.state,
    worker: record.worker,
    queue: record.queue,
    args: record.args,
    kwargs: record.kwargs,
    result: record.result,
    exception: record.exception,
    runtime: record.runtime,
    retries: record.retries,
    eta: record.eta,
    expires: record.expires,
    percent: record.percent,
    seenMs: seenMsOf(key),
    changedMs: record.changedMs,
    sentMs: record.sentMs,
    receivedMs: record.receivedMs,
    startedMs: record.startedMs,
    endedMs: record.endedMs,
    source: record.source,
  }
}

/** A row in the form of the task page. */
export function entryOf(fleet: string, key: number, record: TaskRecord): TaskEntry {
  const { entries, untold } = readTimeline(record)
  const { client, clock, rootId, parentId, groupId, traceback } = record
  const more = { client, clock, rootId, parentId, groupId, traceback, timeline: entries, untold }
  return Object.assign(summaryOf(fleet, key, record), more)
}
