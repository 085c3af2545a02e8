import type { TaskEvent } from 'lovage/monitor'
import type { TimelineEntry } from './task-entry.js'

/** An entry of a timeline. */
export type Entry = readonly [
  kind: string,
  ms: number,
  node: string | null,
  retries: number | null,
  exception: string | null,
  percent: number | null,
]

/** A timeline as a row has it. */
export interface Timeline {
  /** Each entry a JSON array after a comma: it only grows, and is parsed when a task is viewed. */
  timeline: string
  /** The number of entries, with those left out. */
  told: number
}

/** Characters of an exception in a timeline; the last one is also stored in full. */
const LONGEST_EXCEPTION = 256
/** Entries kept from the start, and from the end, of a timeline. */
const KEPT = 100

/** The entry of an event. */
export const entryOf = ({ kind, ms, facts }: TaskEvent): Entry => [
  kind,
  ms,
  facts.worker ?? facts.client ?? null,
  facts.retries ?? null,
  facts.exception?.slice(0, LONGEST_EXCEPTION) ?? null,
  facts.percent ?? null,
]

/** Adds entries, each once, however often it is reported. */
export function tell(to: Timeline, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const text = `,${JSON.stringify(entry)}`
    if (to.timeline.includes(text)) continue
    to.timeline += text
    to.told++
    if (to.told % KEPT !== 0 || to.told <= 2 * KEPT) continue
    const all = entriesOf(to.timeline)
    if (all.length >= 3 * KEPT) to.timeline = textOf([...all.slice(0, KEPT), ...all.slice(-KEPT)])
  }
}

/** Adds what another timeline has more. */
export function tellAll(to: Timeline, { timeline, told }: Timeline): void {
  if (to.told > 0) tell(to, entriesOf(timeline))
  else {
    to.timeline = timeline
    to.told = told
  }
}

/** Entries as they are stored. */
export const textOf = (entries: readonly Entry[]): string =>
  entries.length === 0 ? '' : `,${JSON.stringify(entries).slice(1, -1)}`

// The timeline was written by `textOf`, or by `tell`.
const entriesOf = (timeline: string): Entry[] => JSON.parse(`[${timeline.slice(1)}]`) as Entry[]

/** Reads a timeline for pages: by time, with the number of omitted entries. */
export function readTimeline({ timeline, told }: Readonly<Timeline>): {
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
