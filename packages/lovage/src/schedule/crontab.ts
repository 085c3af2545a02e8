import { Cron } from 'croner'
import { ConfigurationError } from '../kernel/index.js'
import { type CrontabField, expandField, FIELDS, writeField } from './crontab-field.js'
import type { Schedule, ScheduleContext, ScheduleWire } from './schedule.js'

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
/** The order of crontab(5), in which people write and read the fields. */
const ORDER = [
  'minute',
  'hour',
  'dayOfMonth',
  'monthOfYear',
  'dayOfWeek',
] as const satisfies readonly FieldName[]
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * A schedule by the clock on the wall. A day is due when month, day of month AND day of week all name it, as in
 * Celery (`dayOfWeek: 1, dayOfMonth: '1-7'` is the first Monday).
 *
 * When clocks change: a schedule that names hours runs each of its times once a day. A time that is skipped runs
 * at the first moment after the gap, and a time that comes twice runs at its first coming. A schedule of every
 * hour follows the time that passes: nothing runs in a gap, and a doubled hour has its runs twice.
 *
 * Throws a ConfigurationError for a field that cannot be read, and for a date that no year has.
 */
export function crontab(fields: CrontabFields = {}): Crontab {
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

/** See `crontab`. */
export class Crontab implements Schedule {
  readonly kind = 'crontab'
  readonly #written: Readonly<Record<FieldName, string>>
  readonly #pattern: string
  /** One calculator a zone: nearly always one. */
  readonly #crons = new Map<string, Cron>()

  constructor(fields: CrontabFields) {
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
    // `*` in the hour field is what tells croner that the schedule follows passing time; see the note on clock changes.
    const hour = hours.length === 24 ? '*' : hours.join(',')
    this.#pattern = [values('minute'), hour, days, months, values('dayOfWeek')].map(String).join(' ')
  }

  next(afterMs: number, { timeZone }: Pick<ScheduleContext, 'timeZone'>): number | undefined {
    let cron = this.#crons.get(timeZone)
    if (!cron) {
      cron = new Cron(this.#pattern, {
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

  /** The line of crontab(5). */
  toString(): string {
    return ORDER.map((name) => this.#written[name]).join(' ')
  }
}
