import { ConfigurationError } from '../kernel/index.js'
import { decodeJson, encodeJson } from '../message/index.js'
import {
  checkTimeZone,
  type MissedPolicy,
  type OverlapPolicy,
  type PeriodicTask,
  type ScheduleWire,
  toSchedule,
} from '../schedule/index.js'

/** The user-defined part of an entry. */
export interface EntryDefinition {
  /** Registered name of the task. */
  readonly task: string
  readonly schedule: ScheduleWire
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Call options, as `applyAsync` takes them. */
  readonly options: Readonly<Record<string, unknown>>
  readonly enabled: boolean
  /** IANA name; null = the app's. */
  readonly timezone: string | null
  readonly missed: MissedPolicy
  readonly missedAfterMs: number
  readonly overlap: OverlapPolicy
  readonly overlapTimeoutMs: number
  readonly jitterMs: number
}

/** Beat's state for an entry. */
export interface EntryState {
  /** Unix ms from which intervals count. */
  readonly anchorMs: number
  /** Unix ms up to which every due instant is settled: run, missed or skipped. */
  readonly cursorMs: number
  /** The due instant of the last run that was made, Unix ms. */
  readonly lastTickMs: number | null
  /** When the last run was made, Unix ms. */
  readonly lastRunMs: number | null
  readonly lastTaskId: string | null
  readonly totalRunCount: number
}

/** A stored entry. */
export interface Entry {
  readonly name: string
  readonly definition: EntryDefinition
  readonly state: EntryState
  /** The definition in code, when the entry comes from code; null = created by an operator. */
  readonly code: EntryDefinition | null
  /** The fields in which an operator's value overrides the code's. */
  readonly changed: readonly (keyof EntryDefinition)[]
  /** Whether an operator removed it: kept so that the code does not bring it back. */
  readonly removed: boolean
  /** Counts changes to everything but `state`. 0 = not stored yet. */
  readonly revision: number
}

const DAY_MS = 86_400_000

/** The fields of `PeriodicTask`, to catch typos by untyped callers. */
const FIELDS: ReadonlySet<string> = new Set<keyof PeriodicTask>([
  'task',
  'schedule',
  'args',
  'kwargs',
  'options',
  'relative',
  'expires',
  'enabled',
  'timezone',
  'missed',
  'missedAfterMs',
  'overlap',
  'overlapTimeoutMs',
  'jitterMs',
])

/**
 * Builds the complete definition of an entry written in code or on a command line, as it comes back from a store. Throws a
 * ConfigurationError (LVG_SCHEDULE_INVALID) that names the entry and the field, or a MessageError for an argument that cannot be
 * serialized.
 */
export function defineEntry(name: string, periodic: PeriodicTask): EntryDefinition {
  const refuse: (field: string, why: string) => never = (field, why) => {
    throw new ConfigurationError(`The schedule entry '${name}' is invalid: ${field} ${why}.`, {
      code: 'LVG_SCHEDULE_INVALID',
      details: { entry: name, field },
    })
  }
  if (name === '') refuse('its name', 'is empty')
  for (const field of Object.keys(periodic))
    if (!FIELDS.has(field)) refuse(field, 'is not a field of an entry')
  const { args = [], kwargs = {}, options = {}, missed = 'once', overlap = 'allow', expires } = periodic
  const task = typeof periodic.task === 'string' ? periodic.task : periodic.task?.name
  if (!task) refuse('task', 'is neither a task nor the name of one')
  if (!Array.isArray(args)) refuse('args', 'is not a list')
  const like = periodic.schedule
  if (typeof like !== 'number' && typeof like?.toWire !== 'function')
    refuse('schedule', 'is neither seconds nor a schedule')
  if (!(missed === 'skip' || missed === 'once' || backfillOf(missed) > 0)) {
    refuse('missed', "is neither 'skip', 'once' nor { backfill: n }")
  }
  if (overlap !== 'allow' && overlap !== 'skip') refuse('overlap', "is neither 'allow' nor 'skip'")
  const duration = (
    field: 'missedAfterMs' | 'overlapTimeoutMs' | 'jitterMs',
    fallback: number,
    least = 0,
  ): number => {
    const ms = periodic[field] ?? fallback
    return Number.isFinite(ms) && ms >= least
      ? Math.round(ms)
      : refuse(field, `is not a number of milliseconds from ${least} on`)
  }
  if (expires !== undefined && !(expires > 0)) refuse('expires', 'is not a number of seconds')
  const definition: EntryDefinition = {
    task,
    schedule: toSchedule(like, { relative: periodic.relative ?? false }).toWire(),
    args,
    kwargs,
    options: expires === undefined ? options : { ...options, expires },
    enabled: periodic.enabled ?? true,
    timezone: periodic.timezone === undefined ? null : checkTimeZone(periodic.timezone),
    missed,
    // Beat itself is late by some milliseconds: a shorter limit would miss a run before it could be made.
    missedAfterMs: duration('missedAfterMs', 30_000, 1_000),
    overlap,
    overlapTimeoutMs: duration('overlapTimeoutMs', DAY_MS),
    jitterMs: duration('jitterMs', 0),
  }
  return decodeDefinition(encodeDefinition(definition))
}

/** A larger number would flood the queues after a long downtime. */
const MOST_BACKFILL = 1_000

/** The number of missed runs to make; 0 for another policy or one out of range. */
export function backfillOf(missed: MissedPolicy): number {
  if (typeof missed !== 'object' || missed === null) return 0
  const { backfill } = missed
  return Number.isInteger(backfill) && backfill > 0 && backfill <= MOST_BACKFILL ? backfill : 0
}

/** The stored form: JSON in the messages' own dialect, so that a Date among the arguments stays a Date. */
export const encodeDefinition = (definition: EntryDefinition): string => encodeJson(definition)

/** Reads what `encodeDefinition` wrote. */
export const decodeDefinition = (text: string): EntryDefinition =>
  // Only `encodeDefinition` writes this field in a store.
  decodeJson(text) as EntryDefinition

/** Whether two definitions, or parts of them, are equal, regardless of field order. */
export const isSame = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other)

function canonical(value: unknown): string {
  const sorted = (_: string, member: unknown): unknown =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member
  return JSON.stringify(JSON.parse(encodeJson(value)), sorted)
}

/** An entry that is not stored yet. */
export function newEntry(
  name: string,
  definition: EntryDefinition,
  from: 'code' | 'operator',
  nowMs: number,
): Entry {
  const code = from === 'code' ? definition : null
  return { name, definition, code, state: stateFrom(nowMs), changed: [], removed: false, revision: 0 }
}

const stateFrom = (nowMs: number): EntryState => ({
  anchorMs: nowMs,
  cursorMs: nowMs,
  lastTickMs: null,
  lastRunMs: null,
  lastTaskId: null,
  totalRunCount: 0,
})
