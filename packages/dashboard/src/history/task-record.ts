import { isLate, type TaskEvent, type TaskFacts } from 'lovage/monitor'
import type { TaskSource, TimelineEntry } from './task-entry.js'

/** What may be known of a task, each a column of the history. What is not known is null. */
export interface TaskRecord {
  id: string
  state: string
  /** When its state was told, Unix ms, and whose word it is: see `ToldState`. */
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
  /** What was told, each entry a JSON array behind a comma: it only ever grows, and is read when a task is looked at. */
  timeline: string
  /** Entries of the timeline. */
  told: number
}

/** A record that says nothing yet. */
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

/** Adds an event to a record that is being gathered. One that comes late adds what is missing, and changes nothing. */
export function addEvent(record: TaskRecord, event: TaskEvent): void {
  const { kind, ms, facts, state, process, clock } = event
  const late = isLate(record.process === '' ? undefined : record, event)
  for (const key of FACTS) {
    const value = facts[key]
    // The compiler does not follow that a fact's type is its column's.
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

/** What the history knows, with what a gathered record adds to it; the same one when that is nothing. */
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

/** Characters of an exception in a timeline; the last one stands whole beside it. */
const LONGEST_EXCEPTION = 256
/** Entries that a timeline keeps of its beginning, and of its end. */
const KEPT = 100

/** Adds an entry, once, however often it is told. */
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

// What stands in a timeline was written by `tell`.
const entriesOf = (timeline: string): Entry[] => JSON.parse(`[${timeline.slice(1)}]`) as Entry[]

/** A timeline as pages show it: by time, and how much of it is not there. */
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
