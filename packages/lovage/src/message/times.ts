/** The range of Python's datetime, as Unix ms. */
const MIN_MS = -62_135_596_800_000
const MAX_MS = 253_402_300_799_999

const EXTENDED =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/
const BASIC =
  /^(\d{4})(\d\d)(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/

/**
 * Reads an ISO 8601 time as Celery does: `Z` or any offset, a `T` or a space, extended or basic form, a fraction of up to nine digits; a
 * time without offset is UTC, a date alone is its midnight. Returns Unix milliseconds, truncating finer digits; undefined for anything
 * else.
 */
export function parseTime(text: string): number | undefined {
  const match = EXTENDED.exec(text) ?? BASIC.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match
  const days = daysIn(Number(year), Number(month))
  if (year === '0000' || Number(day) < 1 || Number(day) > days) return undefined
  const midnight24 = hour === '24' && Number(minute) === 0 && Number(second) === 0 && Number(fraction) === 0
  if ((Number(hour) > 23 && !midnight24) || Number(minute) > 59 || Number(second) > 59) return undefined
  const offsetMs = parseOffset(zone)
  if (offsetMs === undefined) return undefined
  const date = new Date(0)
  // Date.UTC would read the years 0–99 as 1900–1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.slice(0, 3).padEnd(3, '0')))
  return date.getTime() - offsetMs
}

function daysIn(year: number, month: number): number {
  if (month < 1 || month > 12) return 0
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function parseOffset(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replaceAll(':', '')
  const hours = Number(digits.slice(0, 2))
  const minutes = Number(digits.slice(2, 4))
  const seconds = Number(digits.slice(4, 6))
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  return (zone[0] === '-' ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds)
}

/**
 * Writes a time as Python's `isoformat` does, in UTC: `2026-11-20T20:02:49.142000+00:00`. Six digits always: Celery 5.2 reads a shorter
 * fraction as microseconds. Throws a RangeError for a time outside Python's datetime (years 1 to 9999) or an invalid Date.
 */
export function formatTime(time: Date | number): string {
  const ms = typeof time === 'number' ? time : time.getTime()
  if (!(ms >= MIN_MS && ms <= MAX_MS)) throw new RangeError(`not a time between the years 1 and 9999: ${ms}`)
  return `${new Date(ms).toISOString().slice(0, 23)}000+00:00`
}
