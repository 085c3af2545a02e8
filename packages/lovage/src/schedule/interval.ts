import { Cron } from 'croner'
import { ConfigurationError } from '../kernel/index.js'
import type { Schedule, ScheduleContext, ScheduleWire } from './schedule.js'

/** A length of time; the parts add up. */
export interface Duration {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
}

/** The options of an interval. */
export interface IntervalOptions {
  /**
   * Runs on the whole second, minute, hour or day of the wall clock, whichever is the largest unit that fits into the interval, instead
   * of counting from the start. The interval is truncated to whole units.
   */
  readonly relative?: boolean
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const SECOND_MS = 1_000

/**
 * A schedule that runs at an interval: seconds (Celery's `schedule(30.0)`) or a duration. Throws a ConfigurationError below 1 ms.
 *
 * @example
 * import { interval } from 'lovage'
 * app.addPeriodicTask(interval(10), 'mail.send') // every ten seconds
 */
export function interval(every: number | Duration, options: IntervalOptions = {}): Interval {
  const ms =
    typeof every === 'number'
      ? every * SECOND_MS
      : (every.days ?? 0) * DAY_MS +
        (every.hours ?? 0) * HOUR_MS +
        (every.minutes ?? 0) * MINUTE_MS +
        (every.seconds ?? 0) * SECOND_MS
  return new Interval(Math.round(ms), options)
}

/**
 * See `interval`.
 *
 * @example
 * import { interval } from 'lovage'
 * const halfHourly = interval({ minutes: 30 })
 * console.log(halfHourly.describe())
 */
export class Interval implements Schedule {
  readonly kind = 'interval'
  readonly everyMs: number
  readonly relative: boolean

  constructor(everyMs: number, { relative = false }: IntervalOptions = {}) {
    if (!(Number.isSafeInteger(everyMs) && everyMs >= (relative ? SECOND_MS : 1))) {
      throw new ConfigurationError(`An interval of ${everyMs} ms is invalid.`, {
        code: 'LVG_SCHEDULE_INVALID',
        details: { everyMs, relative },
        hint: `Give whole milliseconds, at least ${relative ? 'a second' : 'a millisecond'}.`,
      })
    }
    this.everyMs = everyMs
    this.relative = relative
  }

  next(afterMs: number, context: ScheduleContext): number {
    // Setting the clock back must not produce runs from before the entry existed.
    const fromMs = Math.max(afterMs, context.anchorMs)
    if (this.relative) return this.#nextRelative(fromMs, context)
    const passed = Math.floor((fromMs - context.anchorMs) / this.everyMs)
    return context.anchorMs + (passed + 1) * this.everyMs
  }

  #nextRelative(fromMs: number, { anchorMs, timeZone }: ScheduleContext): number {
    const unit = UNITS.find(({ ms }) => this.everyMs >= ms) ?? SECONDS
    const every = Math.floor(this.everyMs / unit.ms)
    const start = unit.index(anchorMs, timeZone)
    let at = unit.next(fromMs, timeZone)
    for (;;) {
      const beyond = (unit.index(at, timeZone) - start) % every
      if (beyond === 0) return at
      // Half a unit short of the target: a clock change shifts it by less.
      at = unit.next(at + (every - beyond - 0.5) * unit.ms, timeZone)
    }
  }

  toWire(): ScheduleWire {
    return { kind: this.kind, everyMs: this.everyMs, relative: this.relative }
  }

  describe(): string {
    return `every ${inWords(this.everyMs)}${this.relative ? ', on the clock' : ''}`
  }
}

/** A unit of the wall clock. */
interface Unit {
  readonly ms: number
  /** The first whole unit after `afterMs`. */
  next(afterMs: number, timeZone: string): number
  /** Numbers the units in chronological order. */
  index(ms: number, timeZone: string): number
}

/** Units unaffected by clock changes: zones differ from UTC by whole minutes. */
const fixedUnit = (ms: number): Unit => ({
  ms,
  next: (afterMs) => (Math.floor(afterMs / ms) + 1) * ms,
  index: (atMs) => Math.floor(atMs / ms),
})

const SECONDS = fixedUnit(SECOND_MS)
const HOURS: Unit = {
  ms: HOUR_MS,
  next: (afterMs, timeZone) => nextByCron('0 * * * *', afterMs, timeZone),
  index: (atMs) => Math.floor(atMs / HOUR_MS),
}
const DAYS: Unit = {
  ms: DAY_MS,
  next: (afterMs, timeZone) => nextByCron('0 0 * * *', afterMs, timeZone),
  index: (atMs, timeZone) => {
    const [year = 0, month = 1, day = 1] = zoneDate(timeZone).format(atMs).split('-').map(Number)
    return Date.UTC(year, month - 1, day) / DAY_MS
  },
}
const UNITS: readonly Unit[] = [DAYS, HOURS, fixedUnit(MINUTE_MS), SECONDS]

const crons = new Map<string, Cron>()

function nextByCron(pattern: string, afterMs: number, timeZone: string): number {
  const key = `${pattern} ${timeZone}`
  const cron = crons.get(key) ?? new Cron(pattern, { timezone: timeZone, mode: '5-part', paused: true })
  crons.set(key, cron)
  const next = cron.nextRun(new Date(afterMs))
  if (!next) throw new RangeError(`The calendar ends after ${afterMs}.`)
  return next.getTime()
}

const dates = new Map<string, Intl.DateTimeFormat>()

/** Formats a zone's dates as `2026-03-29`. */
function zoneDate(timeZone: string): Intl.DateTimeFormat {
  // Swedish dates are in ISO 8601 form.
  const format = dates.get(timeZone) ?? new Intl.DateTimeFormat('sv', { timeZone })
  dates.set(timeZone, format)
  return format
}

function inWords(ms: number): string {
  const [name, unitMs] = (
    [
      ['day', DAY_MS],
      ['hour', HOUR_MS],
      ['minute', MINUTE_MS],
      ['second', SECOND_MS],
    ] as const
  ).find(([, unit]) => ms % unit === 0) ?? ['ms', 1]
  const count = ms / unitMs
  return name === 'ms' ? `${count} ms` : count === 1 ? name : `${count} ${name}s`
}
