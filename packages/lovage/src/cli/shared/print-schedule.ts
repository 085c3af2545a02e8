import type { ScheduleView } from '../../beat/index.js'
import { maskSecrets } from '../../kernel/index.js'
import { table } from './say.js'

/** Prints a schedule: last and next runs in the zone of each entry and in UTC. */
export function printSchedule(
  entries: readonly ScheduleView[],
  { json = false }: { readonly json?: boolean },
): void {
  if (json) return console.log(JSON.stringify(entries.map(asJson)))
  if (entries.length === 0) return console.log('The schedule is empty.')
  const head = [
    'entry',
    'task',
    'schedule',
    'zone',
    'next (zone)',
    'next (UTC)',
    'last (zone)',
    'last (UTC)',
    'runs',
    'state',
  ]
  console.log(
    table(
      head,
      entries.map((entry) => [
        entry.name,
        entry.task,
        entry.schedule,
        entry.timezone,
        zoneTime(entry.nextMs, entry.timezone),
        zoneTime(entry.nextMs, 'UTC'),
        zoneTime(entry.lastRunMs, entry.timezone),
        zoneTime(entry.lastRunMs, 'UTC'),
        entry.totalRunCount,
        stateOf(entry),
      ]),
    ),
  )
}

/** A time for programs, in ISO 8601. */
const isoTime = (ms: number | null | undefined): string | null =>
  typeof ms === 'number' ? new Date(ms).toISOString() : null

const asJson = ({ nextMs, lastRunMs, ...entry }: ScheduleView): object => ({
  // An object stays one. Arguments of entries may be secrets as those of calls may.
  ...(maskSecrets('', entry) as object),
  next: isoTime(nextMs),
  lastRun: isoTime(lastRunMs),
})

// Swedish dates and times are in ISO 8601 form.
const zoneTime = (ms: number | null | undefined, timeZone: string): string =>
  typeof ms === 'number' ? new Date(ms).toLocaleString('sv', { timeZone }) : '-'

function stateOf(entry: ScheduleView): string {
  if (entry.trouble !== undefined) return entry.trouble
  if (entry.removed) return 'removed'
  const from = entry.source === 'operator' ? ' (by hand)' : ''
  const changed = entry.changed.length > 0 ? ` (changed: ${entry.changed.join(', ')})` : ''
  const isOver = entry.enabled && entry.nextMs === undefined
  return `${entry.enabled ? (isOver ? 'over' : 'enabled') : 'disabled'}${from}${changed}`
}
