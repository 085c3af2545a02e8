import { Cron } from 'croner'
import { ConfigurationError } from '../kernel/index.js'
import { type CrontabField, expandField, FIELDS, writeField } from './crontab-field.js'
import type { Schedule, ScheduleContext, ScheduleWire } from './schedule.js'
import { WallClock } from './wall-clock.js'

/** Celery's five fields; each is `*` when absent. */
export interface CrontabFields {
  /** 0–59. */
  readonly minute?: CrontabField
  /** 0–23. */
  readonly hour?: CrontabField
  /** 0–6 from Sunday, or names. */
  readonly dayOfWeek?: CrontabField
  /** 1–31. */
  readonly dayOfMonth?: CrontabField
  /** 1–12, or names. */
  readonly monthOfYear?: CrontabField
}

type FieldName = keyof typeof FIELDS
/** The field order of crontab(5). */
const ORDER = [
  'minute',
  'hour',
  'dayOfMonth',
  'monthOfYear',
  'dayOfWeek',
] as const satisfies readonly FieldName[]
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** A leap day falls on each day of the week within forty years, even around 2100. */
const LONGEST_WAIT_DAYS = 41 * 366
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * A wall-clock schedule. A day is due when month, day of month AND day of week all match, as in Celery (`dayOfWeek: 1, dayOfMonth: '1-7'`
 * is the first Monday).
 *
 * When clocks change, a schedule that names hours runs each of its times once a day. A skipped time runs at the first moment after the
 * gap, and a repeated time runs at its first occurrence. A schedule for every hour follows elapsed time: nothing runs in a gap, and a
 * repeated hour has its runs twice.
 *
 * Throws a ConfigurationError for a field that cannot be read, and for a date that exists in no year.
 *
 * @example
 * import { crontab } from 'lovage'
 * app.addPeriodicTask(crontab({ hour: 9, dayOfWeek: 'mon-fri' }), 'mail.send')
 * crontab.fromString('0 3 * * *')
 */
export function crontab(fields: CrontabFields = {}): Crontab {
  if (typeof fields === 'string')
    throw new ConfigurationError(`A crontab is made of fields, not of the line '${fields}'.`, {
      code: 'LVG_SCHEDULE_INVALID',
      hint: `Say crontab.fromString('${fields}').`,
    })
  return new Crontab(fields)
}

/** A crontab from a line of crontab(5): minute, hour, day of month, month of year, day of week. */
crontab.fromString = (line: string): Crontab => {
  const parts = line.trim().split(/\s+/)
  if (parts.length !== ORDER.length) {
    throw new ConfigurationError(`The crontab line '${line}' has ${parts.length} fields, not 5.`, {
      code: 'LVG_SCHEDULE_INVALID',
      details: { line },
      hint: 'Write minute, hour, day of month, month of year and day of week, separated by spaces.',
    })
  }
  return new Crontab(Object.fromEntries(ORDER.map((name, index) => [name, parts[index] ?? '*'])))
}

/**
 * See `crontab`.
 *
 * @example
 * import { crontab } from 'lovage'
 * const nightly = crontab({ hour: 3, minute: 0 })
 * console.log(nightly.describe())
 */
export class Crontab implements Schedule {
  readonly kind = 'crontab'
  readonly #written: Readonly<Record<FieldName, string>>
  /** The pattern of a schedule that follows elapsed time; undefined = it names hours. */
  readonly #pattern: string | undefined
  readonly #months: ReadonlySet<number>
  readonly #days: ReadonlySet<number>
  readonly #weekdays: ReadonlySet<number>
  /** Minutes of the day, in order. */
  readonly #times: readonly number[]
  /** One calculator per zone, nearly always one in all. */
  readonly #crons = new Map<string, Cron>()
  readonly #clocks = new Map<string, WallClock>()

  constructor(fields: CrontabFields) {
    for (const field of Object.keys(fields)) if (!Object.hasOwn(FIELDS, field)) throw unknownField(field)
    this.#written = {
      minute: writeField(fields.minute),
      hour: writeField(fields.hour),
      dayOfWeek: writeField(fields.dayOfWeek),
      dayOfMonth: writeField(fields.dayOfMonth),
      monthOfYear: writeField(fields.monthOfYear),
    }
    const values = (name: FieldName): readonly number[] => expandField(this.#written[name], FIELDS[name])
    const months = values('monthOfYear')
    const days = values('dayOfMonth')
    if (!months.some((month) => days.some((day) => day <= (LONGEST_MONTH[month - 1] ?? 0)))) {
      throw new ConfigurationError(`The crontab '${this}' names a date that no year has.`, {
        code: 'LVG_SCHEDULE_INVALID',
        details: { crontab: String(this) },
      })
    }
    const hours = values('hour')
    const minutes = values('minute')
    const weekdays = values('dayOfWeek')
    this.#months = new Set(months)
    this.#days = new Set(days)
    this.#weekdays = new Set(weekdays)
    this.#times = hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute)).sort((a, b) => a - b)
    if (hours.length === 24) this.#pattern = [minutes, '*', days, months, weekdays].map(String).join(' ')
  }

  next(afterMs: number, { timeZone }: Pick<ScheduleContext, 'timeZone'>): number | undefined {
    return this.#pattern === undefined
      ? this.#nextByTheWall(afterMs, timeZone)
      : this.#nextByPassingTime(afterMs, timeZone, this.#pattern)
  }

  /** Searches from the day before: a time in a gap that ends at midnight falls on the next day. */
  #nextByTheWall(afterMs: number, timeZone: string): number | undefined {
    let clock = this.#clocks.get(timeZone)
    if (!clock) {
      clock = new WallClock(timeZone)
      this.#clocks.set(timeZone, clock)
    }
    const today = Math.floor(clock.at(afterMs) / DAY_MS)
    for (let day = today - 1; day < today + LONGEST_WAIT_DAYS; day++) {
      if (!this.#names(new Date(day * DAY_MS))) continue
      const at = this.#firstOn(day * DAY_MS, afterMs, clock)
      if (at !== undefined) return at
    }
    return undefined
  }

  #names(date: Date): boolean {
    return (
      this.#months.has(date.getUTCMonth() + 1) &&
      this.#days.has(date.getUTCDate()) &&
      this.#weekdays.has(date.getUTCDay())
    )
  }

  /** The first later time of a day, by binary search: the moments are in the order of the times, except in a repeated hour. */
  #firstOn(midnightMs: number, afterMs: number, clock: WallClock): number | undefined {
    const whenOf = (place: number): number => clock.when(midnightMs + (this.#times[place] ?? 0) * MINUTE_MS)
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (whenOf(middle) > afterMs) high = middle
      else low = middle + 1
    }
    return low < this.#times.length ? whenOf(low) : undefined
  }

  #nextByPassingTime(afterMs: number, timeZone: string, pattern: string): number | undefined {
    let cron = this.#crons.get(timeZone)
    if (!cron) {
      cron = new Cron(pattern, {
        timezone: timeZone,
        mode: '5-part',
        domAndDow: true,
        fixedTimeRule: 'no-wildcard',
        paused: true,
      })
      this.#crons.set(timeZone, cron)
    }
    return cron.nextRun(new Date(afterMs))?.getTime()
  }

  toWire(): ScheduleWire {
    return { kind: this.kind, ...this.#written }
  }

  describe(): string {
    return `crontab ${this}`
  }

  /** The crontab(5) line. */
  toString(): string {
    return ORDER.map((name) => this.#written[name]).join(' ')
  }
}

function unknownField(field: string): ConfigurationError {
  const isZone = /^(?:timezone|tz)$/i.test(field)
  return new ConfigurationError(`A crontab has no field ${field}.`, {
    code: 'LVG_SCHEDULE_INVALID',
    details: { field },
    hint: isZone
      ? "The zone belongs to the entry: app.addPeriodicTask(crontab({ hour: 2 }), task, { timezone: 'Europe/Berlin' })."
      : `Its fields are ${ORDER.join(', ')}.`,
  })
}
