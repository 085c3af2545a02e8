import { ConfigurationError } from '../kernel/index.js'

/** The value of a crontab field: a number, a pattern in Celery's grammar, or the numbers themselves. */
export type CrontabField = number | string | Iterable<number>

/** The range of one field. */
export interface FieldRange {
  readonly name: string
  readonly min: number
  readonly max: number
  /** Three-letter names of the values from `min` on. */
  readonly names?: readonly string[]
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** The five fields, under Celery's names. */
export const FIELDS = {
  minute: { name: 'minute', min: 0, max: 59 },
  hour: { name: 'hour', min: 0, max: 23 },
  dayOfWeek: { name: 'dayOfWeek', min: 0, max: 6, names: DAYS },
  dayOfMonth: { name: 'dayOfMonth', min: 1, max: 31 },
  monthOfYear: { name: 'monthOfYear', min: 1, max: 12, names: MONTHS },
} as const satisfies Record<string, FieldRange>

/**
 * The values that a field names, ascending. The grammar is Celery's: `*`, numbers, names by their first three
 * letters, ranges that may wrap around (`fri-mon`, `22-2`), steps on `*` and on ranges, and lists of all these.
 */
export function expandField(field: string, range: FieldRange): readonly number[] {
  const values = new Set(field.split(',').flatMap((part) => expandPart(part, range, field)))
  return [...values].sort((a, b) => a - b)
}

/** A field as a pattern without spaces. */
export const writeField = (field: CrontabField = '*'): string =>
  (typeof field === 'object' ? [...field].join(',') : String(field)).replace(/\s+/g, '')

function expandPart(part: string, range: FieldRange, field: string): readonly number[] {
  const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part)
  if (!match) throw invalid(range, field, part === '' ? 'a part of it is empty' : `'${part}' cannot be read`)
  const [, star, from, to, step] = match
  const values = star ? span(range.min, range.max) : wrapped(from ?? '', to, range, field)
  if (step === undefined) return values
  // As in Celery: `5/10` would be a list of one value with a step, which is surely a mistake.
  if (!star && to === undefined) throw invalid(range, field, `a step needs '*' or a range before it`)
  const every = Number(step)
  if (every === 0) throw invalid(range, field, 'a step of 0 never advances')
  return values.filter((_, index) => index % every === 0)
}

/** A step counts from the start of the range, across the wrap too: `22-2/2` is 22, 0, 2. */
function wrapped(from: string, to: string | undefined, range: FieldRange, field: string): readonly number[] {
  const first = valueNamed(from, range, field)
  if (to === undefined) return [first]
  const last = valueNamed(to, range, field)
  return last < first ? [...span(first, range.max), ...span(range.min, last)] : span(first, last)
}

function valueNamed(text: string, range: FieldRange, field: string): number {
  if (/^\d+$/.test(text)) {
    const value = Number(text)
    if (value >= range.min && value <= range.max) return value
    throw invalid(range, field, `${text} is not between ${range.min} and ${range.max}`)
  }
  const index = range.names?.indexOf(text.slice(0, 3).toLowerCase()) ?? -1
  if (index < 0) throw invalid(range, field, `'${text}' is not a valid value of this field`)
  return range.min + index
}

const span = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

function invalid(range: FieldRange, field: string, why: string): ConfigurationError {
  const sunday = range.names === DAYS ? ' Sunday is 0.' : ''
  return new ConfigurationError(`The crontab field ${range.name} '${field}' is invalid: ${why}.${sunday}`, {
    code: 'LVG_SCHEDULE_INVALID',
    details: { field: range.name, value: field },
  })
}
