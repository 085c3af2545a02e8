import { ConfigurationError, described } from '../kernel/index.js'
import { clocked } from './clocked.js'
import { crontab } from './crontab.js'
import { Interval, interval } from './interval.js'
import type { Schedule, ScheduleWire } from './schedule.js'
import { type SolarEvent, solar } from './solar.js'

/** Readers for custom schedule kinds, from the output of their `toWire`. */
export type ScheduleKinds = Readonly<Record<string, (wire: ScheduleWire) => Schedule>>

/** A schedule as written in code: seconds, or a schedule. */
export type ScheduleLike = number | Schedule

/**
 * Turns a number of seconds into an interval; returns a schedule unchanged.
 * @throws {ConfigurationError} LVG_SCHEDULE_INVALID for anything else.
 *
 * @example
 * import { toSchedule } from 'lovage'
 * toSchedule(10).describe() // as a number of seconds in a beatSchedule
 */
export function toSchedule(like: ScheduleLike, options: { readonly relative?: boolean } = {}): Schedule {
  if (typeof like === 'number') return interval(like, options)
  // What plain JavaScript, or a file of settings, may give.
  if (typeof (like as Partial<Schedule> | undefined)?.next !== 'function')
    throw new ConfigurationError(
      `A schedule is a number of seconds, a crontab or another schedule, not ${described(like)}.`,
      {
        code: 'LVG_SCHEDULE_INVALID',
        hint: "A line of cron is read by crontab.fromString('30 7 * * 1-5').",
      },
    )
  return options.relative && like instanceof Interval ? new Interval(like.everyMs, options) : like
}

/**
 * Reads the output of `toWire`; throws a ConfigurationError when the kind is unknown or its data is wrong.
 *
 * @example
 * import { crontab, readSchedule } from 'lovage'
 * const same = readSchedule(crontab({ hour: 3 }).toWire())
 */
export function readSchedule(wire: ScheduleWire, kinds: ScheduleKinds = {}): Schedule {
  const own = Object.hasOwn(kinds, wire.kind) ? kinds[wire.kind] : undefined
  if (own) return own(wire)
  // The fields come from a store; each constructor checks its own and reports what is wrong.
  switch (wire.kind) {
    case 'interval':
      return new Interval(Number(wire.everyMs), { relative: wire.relative === true })
    case 'crontab':
      return crontab(
        Object.fromEntries(
          ['minute', 'hour', 'dayOfWeek', 'dayOfMonth', 'monthOfYear'].map((name) => [
            name,
            String(wire[name] ?? '*'),
          ]),
        ),
      )
    case 'solar':
      return solar(String(wire.event) as SolarEvent, Number(wire.latitude), Number(wire.longitude))
    case 'clocked':
      return clocked(String(wire.at))
    default:
      throw new ConfigurationError(`The kind of schedule '${wire.kind}' is not known here.`, {
        code: 'LVG_SCHEDULE_INVALID',
        details: { kind: wire.kind },
        hint: 'Add its reader to `beatScheduleKinds`.',
      })
  }
}
