import { isLate, type TaskEvent, type TaskFacts } from 'lovage/monitor'
import type { TaskSource } from './task-entry.js'
import { type Timeline, tellAll } from './timeline.js'

/** The facts about a task, each a column of the history. Unknown ones are null. */
export interface TaskRecord extends Timeline {
  id: string
  state: string
  /** When its state was reported, Unix ms, and by which process: see `ToldState`. */
  changedMs: number
  process: string
  clock: number
  source: TaskSource
  name: string | null
  worker: string | null
  queue: string | null
  args: string | null
  kwargs: string | null
  result: string | null
  exception: string | null
  runtime: number | null
  retries: number | null
  eta: string | null
  expires: string | null
  percent: number | null
  sentMs: number | null
  receivedMs: number | null
  startedMs: number | null
  endedMs: number | null
  client: string | null
  rootId: string | null
  parentId: string | null
  groupId: string | null
  traceback: string | null
}

/** An empty record. */
export const emptyRecord = (id: string, source: TaskSource): TaskRecord => ({
  id,
  state: 'PENDING',
  changedMs: 0,
  process: '',
  clock: 0,
  source,
  name: null,
  worker: null,
  queue: null,
  args: null,
  kwargs: null,
  result: null,
  exception: null,
  runtime: null,
  retries: null,
  eta: null,
  expires: null,
  percent: null,
  sentMs: null,
  receivedMs: null,
  startedMs: null,
  endedMs: null,
  client: null,
  rootId: null,
  parentId: null,
  groupId: null,
  traceback: null,
  timeline: '',
  told: 0,
})

type FactKey = keyof TaskFacts & keyof TaskRecord
const FACTS = [
  'name',
  'worker',
  'queue',
  'args',
  'kwargs',
  'result',
  'exception',
  'runtime',
  'retries',
  'eta',
  'expires',
  'percent',
  'client',
  'rootId',
  'parentId',
  'groupId',
  'traceback',
] as const satisfies readonly FactKey[]
/** Facts whose last word counts, though what they stand with may come late. */
const TIMES = ['sentMs', 'receivedMs', 'startedMs', 'endedMs'] as const
const TIME_OF: Readonly<Record<string, (typeof TIMES)[number]>> = {
  sent: 'sentMs',
  received: 'receivedMs',
  started: 'startedMs',
  succeeded: 'endedMs',
  failed: 'endedMs',
  revoked: 'endedMs',
  rejected: 'endedMs',
}

/** Adds an event's facts to a record being gathered. A late one fills in missing fields, and changes nothing else. */
export function addFacts(record: TaskRecord, event: TaskEvent): void {
  const { kind, ms, facts, state, process, clock } = event
  const late = isLate(record.process === '' ? undefined : record, event)
  // Most events have few of the facts; every fact has a column of its name.
  for (const key in facts) {
    const name = key as FactKey
    const value = facts[name]
    // The compiler cannot infer that a fact's type is its column's.
    if (value !== undefined && (!late || record[name] === null)) (record[name] as string | number) = value
  }
  if (!late) {
    record.state = state
    record.changedMs = ms
    record.process = process
    record.clock = clock
  }
  const time = TIME_OF[kind]
  if (time) record[time] = Math.max(record[time] ?? 0, ms)
}

/** Merges a gathered record into the known one; returns the same object when nothing changed. */
export function mergeRecords(known: TaskRecord, news: TaskRecord): TaskRecord {
  const told = news.process === '' ? undefined : news
  const late = told === undefined || isLate(known.process === '' ? undefined : known, told)
  const [first, second] = late ? [known, news] : [news, known]
  const merged: TaskRecord = { ...first, id: known.id, source: known.source }
  for (const key of FACTS) (merged[key] as string | number | null) = first[key] ?? second[key]
  for (const key of TIMES) {
    const [one, other] = [known[key], news[key]]
    merged[key] = one === null ? other : other === null ? one : Math.max(one, other)
  }
  if (news.source === 'events') merged.source = 'events'
  merged.timeline = known.timeline
  merged.told = known.told
  tellAll(merged, news)
  return merged
}
