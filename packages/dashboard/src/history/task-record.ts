import { isLate, type TaskEvent, type TaskFacts } from 'lovage/monitor'
import type { TaskSource, TimelineEntry } from './task-entry.js'

/** The facts about a task, each a column of the history. Unknown ones are null. */
export interface TaskRecord {
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
  /** The timeline, each entry a JSON array after a comma: it only grows, and is parsed when a task is viewed. */
  timeline: string
  /** The number of timeline entries. */
  told: number
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
  'traceback',
] as const satisfies readonly (keyof TaskFacts & keyof TaskRecord)[]
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

/** Adds an event to a record being gathered. A late one fills in missing fields, and changes nothing else. */
export function addEvent(record: TaskRecord, event: TaskEvent): void {
  const { kind, ms, facts, state, process, clock } = event
  const late = isLate(record.process === '' ? undefined : record, event)
  for (const key of FACTS) {
    const value = facts[key]
    // The compiler cannot infer that a fact's type is its column's.
    if (value !== undefined && (!late || record[key] === null)) (record[key] as string | number) = value
  }
  if (!late) {
    record.state = state
    record.changedMs = ms
    record.process = process
    record.clock = clock
  }
  const time = TIME_OF[kind]
  if (time) record[time] = Math.max(record[time] ?? 0, ms)
  tell(record, [
    kind,
    ms,
    facts.worker ?? facts.client ?? null,
    facts.retries ?? null,
    facts.exception?.slice(0, LONGEST_EXCEPTION) ?? null,
    facts.percent ?? null,
  ])
}

/** Merges a gathered record into the known one; returns the same object when nothing changed. */
export function mergeRecords(known: TaskRecord, news: TaskRecord): TaskRecord {
  const told = news.process === '' ? undefined : news
  const late = told === undefined || isLate(known.process === '' ? undefined : known, told)
  const [first, second] = late ? [known, news] : [news, known]
  const merged: TaskRecord = { ...first, id: known.id, source: known.source }
  for (const key of [...FACTS, 'groupId'] as const)
    (merged[key] as string | number | null) = first[key] ?? second[key]
  for (const key of TIMES) {
    const [one, other] = [known[key], news[key]]
    merged[key] = one === null ? other : other === null ? one : Math.max(one, other)
  }
  if (news.source === 'events') merged.source = 'events'
  merged.timeline = known.timeline
  merged.told = known.told
  for (const entry of entriesOf(news.timeline)) tell(merged, entry)
  return merged
}

type Entry = readonly [
  kind: string,
  ms: number,
  node: string | null,
  retries: number | null,
  exception: string | null,
  percent: number | null,
]

/** Characters of an exception in a timeline; the last one is also stored in full. */
const LONGEST_EXCEPTION = 256
/** Entries kept from the start, and from the end, of a timeline. */
const KEPT = 100

/** Adds an entry once, however often it is reported. */
function tell(record: TaskRecord, entry: Entry): void {
  const text = `,${JSON.stringify(entry)}`
  if (record.timeline.includes(text)) return
  record.timeline += text
  record.told++
  if (record.told % KEPT !== 0 || record.told <= 2 * KEPT) return
  const entries = entriesOf(record.timeline)
  if (entries.length < 3 * KEPT) return
  record.timeline = [...entries.slice(0, KEPT), ...entries.slice(-KEPT)]
    .map((one) => `,${JSON.stringify(one)}`)
    .join('')
}

// The timeline was written by `tell`.
const entriesOf = (timeline: string): Entry[] => JSON.parse(`[${timeline.slice(1)}]`) as Entry[]

/** Reads a timeline for pages: by time, with the number of omitted entries. */
export function readTimeline({ timeline, told }: Pick<TaskRecord, 'timeline' | 'told'>): {
  readonly entries: readonly TimelineEntry[]
  readonly untold: number
} {
  const entries = entriesOf(timeline).map(([kind, ms, node, retries, exception, percent]) => ({
    kind,
    ms,
    node,
    retries,
    exception,
    percent,
  }))
  return { entries: entries.sort((one, other) => one.ms - other.ms), untold: told - entries.length }
}
