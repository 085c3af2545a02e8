import type { ScheduleLike } from './read-schedule.js'

/**
 * The policy for runs missed because no beat was running: `skip` drops them, `once` makes one run for all of them, `{ backfill: n }`
 * makes the newest n.
 */
export type MissedPolicy = 'skip' | 'once' | { readonly backfill: number }

/** Whether a run starts while the previous one is unfinished. */
export type OverlapPolicy = 'allow' | 'skip'

/** A task and its schedule: one value of the setting `beatSchedule`. */
export interface PeriodicTask<Options extends object = Readonly<Record<string, unknown>>> {
  /** The task, or its registered name. */
  readonly task: string | { readonly name: string }
  /** Seconds between runs, or a schedule. */
  readonly schedule: ScheduleLike
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** The options of `applyAsync`: `queue`, `priority`, `headers` … */
  readonly options?: Options
  /** Runs on whole seconds, minutes, hours or days of the clock, for an interval; see `interval`. Default false. */
  readonly relative?: boolean
  /** Seconds after which a run that no worker has taken expires. Default: never. */
  readonly expires?: number
  /** Default true. */
  readonly enabled?: boolean
  /** IANA name of the zone whose clock the schedule follows. Default: the setting `timezone`. */
  readonly timezone?: string
  /** Default `once`. */
  readonly missed?: MissedPolicy
  /** How late, in milliseconds, a run may be made before it counts as missed. Default 30 000, least 1 000. */
  readonly missedAfterMs?: number
  /** `skip` needs a result backend, to know which runs are finished. Default `allow`. */
  readonly overlap?: OverlapPolicy
  /** With `overlap: 'skip'`, how long in milliseconds an unfinished run blocks others. Default: one day. */
  readonly overlapTimeoutMs?: number
  /** Each run is made up to this many milliseconds after its time, evenly spread. Default 0. */
  readonly jitterMs?: number
}
