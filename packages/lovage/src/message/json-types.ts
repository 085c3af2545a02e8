import { parseTime } from './times.js'

/** Marks the value classes, across duplicate installations of this package as well. */
const KIND = Symbol.for('lovage.json-type')

/** The Python types that get a class here because JavaScript has no equivalent. */
export type JsonTypeName = 'decimal' | 'uuid' | 'date' | 'time'

/** The value class of `value`, if any. */
export function jsonTypeOf(value: object): JsonTypeName | undefined {
  // Only we use this symbol: its value is one of the four names.
  return (value as { readonly [KIND]?: JsonTypeName })[KIND]
}

const DECIMAL = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|Inf(?:inity)?|s?NaN\d*)$/i

/**
 * An exact decimal number, Python's `decimal.Decimal`. It holds the digits and does no arithmetic: pass `toString()` to the decimal
 * library of your choice, and wrap that library's result to send it.
 *
 * @example
 * import { Decimal } from 'lovage'
 * const price = new Decimal('19.90') // decimal.Decimal in Python
 */
export class Decimal {
  readonly #digits: string

  /** Throws a RangeError for text that Python's Decimal does not accept. */
  constructor(digits: string | number | bigint) {
    const text = String(digits).trim()
    if (!DECIMAL.test(text)) throw new RangeError(`not a decimal number: ${text.slice(0, 64)}`)
    this.#digits = text
  }

  get [KIND](): 'decimal' {
    return 'decimal'
  }
  /** The digits as given, trailing zeros included. */
  toString(): string {
    return this.#digits
  }
  /** The nearest JavaScript number; this rounds. */
  toNumber(): number {
    return Number(this.#digits)
  }
  toJSON(): string {
    return this.#digits
  }
}

const UUID =
  /^\{?(?:urn:uuid:)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

/**
 * Python's `uuid.UUID`. Strings stay strings on the wire; wrap one in this class for a task that expects a UUID.
 *
 * @example
 * import { Uuid } from 'lovage'
 * const key = new Uuid('0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10') // uuid.UUID in Python
 */
export class Uuid {
  readonly #text: string

  /** Accepts the forms that Python accepts, with or without hyphens; throws a RangeError for others. */
  constructor(text: string) {
    const match = UUID.exec(text)
    if (match === null) throw new RangeError(`not a UUID: ${text.slice(0, 64)}`)
    this.#text = match.slice(1).join('-').toLowerCase()
  }

  get [KIND](): 'uuid' {
    return 'uuid'
  }
  /** Lower case, with hyphens. */
  toString(): string {
    return this.#text
  }
  /** The 32 hexadecimal digits alone. */
  get hex(): string {
    return this.#text.replaceAll('-', '')
  }
  toJSON(): string {
    return this.#text
  }
}

/**
 * A calendar day without time or zone, Python's `datetime.date`.
 *
 * @example
 * import { PlainDate } from 'lovage'
 * const day = new PlainDate('2030-01-31') // datetime.date in Python
 */
export class PlainDate {
  readonly year: number
  /** 1–12. */
  readonly month: number
  readonly day: number

  /** `YYYY-MM-DD`; throws a RangeError for anything that is not a calendar day. */
  constructor(text: string) {
    const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
    if (match === null || parseTime(text) === undefined) {
      throw new RangeError(`not a date: ${text.slice(0, 64)}`)
    }
    this.year = Number(match[1])
    this.month = Number(match[2])
    this.day = Number(match[3])
  }

  get [KIND](): 'date' {
    return 'date'
  }
  /** `YYYY-MM-DD`. */
  toString(): string {
    return `${String(this.year).padStart(4, '0')}-${pad(this.month)}-${pad(this.day)}`
  }
  /** Midnight UTC of this day. */
  toDate(): Date {
    return new Date(`${this.toString()}T00:00:00Z`)
  }
  toJSON(): string {
    return this.toString()
  }
}

const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d(?::\d\d)?)?$/

/**
 * A time of day, Python's `datetime.time`, to the microsecond, with an offset if given.
 *
 * @example
 * import { PlainTime } from 'lovage'
 * const time = new PlainTime('09:30:00') // datetime.time in Python
 */
export class PlainTime {
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** 0–999999. */
  readonly microsecond: number
  /** `+02:00`, or null, as usual. */
  readonly offset: string | null

  /** `HH:MM[:SS[.ffffff]]`, optionally with an offset; throws a RangeError for others. */
  constructor(text: string) {
    const match = TIME.exec(text)
    const [, hour, minute, second = '0', fraction = '', offset] = match ?? []
    if (match === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
      throw new RangeError(`not a time of day: ${text.slice(0, 64)}`)
    }
    this.hour = Number(hour)
    this.minute = Number(minute)
    this.second = Number(second)
    this.microsecond = Number(fraction.padEnd(6, '0'))
    this.offset = offset === 'Z' ? '+00:00' : (offset ?? null)
  }

  get [KIND](): 'time' {
    return 'time'
  }
  /** As Python's `isoformat` writes it. */
  toString(): string {
    const fraction = this.microsecond === 0 ? '' : `.${String(this.microsecond).padStart(6, '0')}`
    return `${pad(this.hour)}:${pad(this.minute)}:${pad(this.second)}${fraction}${this.offset ?? ''}`
  }
  toJSON(): string {
    return this.toString()
  }
}

const pad = (part: number): string => String(part).padStart(2, '0')
