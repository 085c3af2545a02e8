import { MessageError } from '../kernel/index.js'
import { endOfString } from './json-scan.js'
import { Decimal, PlainDate, PlainTime, Uuid } from './json-types.js'
import { MAX_DEPTH } from './limits.js'
import { formatPath, type RootName } from './path.js'
import { parseTime } from './times.js'

/** The options for values that JSON alone does not settle. */
export interface ReadOptions {
  /**
   * Whole numbers beyond ±(2^53 − 1): `number` (default) refuses the message, `bigint` returns BigInt for those only. Nothing is ever
   * rounded.
   */
  readonly integers?: 'number' | 'bigint'
  /** `typed` (default) turns kombu's typed objects into Date, Buffer and the value classes; `plain` leaves them. */
  readonly jsonTypes?: 'typed' | 'plain'
}

/** Python's own limit; the time to read an integer grows faster than its length. */
const MAX_DIGITS = 4300
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const SPACE = /[ \t\n\r]*/y
const WORDS: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]

/** The error for a body that does not match its content type. */
export function undecodable(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): MessageError {
  return new MessageError(message, { code: 'LVG_MESSAGE_UNDECODABLE', details, cause })
}

/** The error for an integer beyond JavaScript's exact numbers. */
export function integerOutOfRange(digits: string, path: string): MessageError {
  return new MessageError(
    `${path} is the integer ${digits.slice(0, 64)}, which a number does not hold exactly`,
    {
      code: 'LVG_MESSAGE_INTEGER_RANGE',
      details: { path, digits: digits.slice(0, 64) },
    },
  )
}

/** Reads Python's JSON: NaN, infinities, big integers, kombu's typed values; with limits that JSON.parse lacks. */
export class JsonReader {
  #at = 0
  readonly #steps: (string | number)[] = []

  constructor(
    private readonly text: string,
    private readonly options: ReadOptions,
    private readonly root: RootName,
  ) {}

  read(): unknown {
    const value = this.#value()
    this.#skipSpace()
    if (this.#at !== this.text.length) throw this.#syntax('text after the value')
    return value
  }

  #value(): unknown {
    this.#skipSpace()
    const first = this.text[this.#at]
    if (first === '{') return this.#object()
    if (first === '[') return this.#array()
    if (first === '"') return this.#string()
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    return this.#number()
  }

  #object(): unknown {
    this.#enter()
    const object: Record<string, unknown> = {}
    this.#skipSpace()
    if (this.text[this.#at] === '}') {
      this.#at++
      return object
    }
    for (;;) {
      this.#skipSpace()
      if (this.text[this.#at] !== '"') throw this.#syntax('expected a field name')
      const key = this.#string()
      this.#skipSpace()
      this.#expect(':')
      this.#steps.push(key)
      if (key === '__proto__') throw undecodable(`${this.#path()}: a field named __proto__ is refused`)
      object[key] = this.#value()
      this.#steps.pop()
      if (!this.#another('}')) break
    }
    const keys = this.options.jsonTypes === 'plain' ? 0 : Object.keys(object).length
    return keys === 2 && '__type__' in object && '__value__' in object ? this.#typed(object) : object
  }

  #array(): unknown[] {
    this.#enter()
    const array: unknown[] = []
    this.#skipSpace()
    if (this.text[this.#at] === ']') {
      this.#at++
      return array
    }
    for (;;) {
      this.#steps.push(array.length)
      array.push(this.#value())
      this.#steps.pop()
      if (!this.#another(']')) return array
    }
  }

  #enter(): void {
    if (this.#steps.length >= MAX_DEPTH) {
      throw undecodable(`the value nests deeper than ${MAX_DEPTH} levels`, { limit: MAX_DEPTH })
    }
    this.#at++
  }

  /** After an item: true at a comma, false at the end. */
  #another(end: string): boolean {
    this.#skipSpace()
    const next = this.text[this.#at++]
    if (next === ',') return true
    if (next === end) return false
    this.#at--
    throw this.#syntax(`expected , or ${end}`)
  }

  #string(): string {
    const start = this.#at
    const end = endOfString(this.text, start) + 1
    try {
      const value: string = JSON.parse(this.text.slice(start, end))
      this.#at = end
      return value
    } catch {
      throw this.#syntax('a string that does not end, or has a bad escape')
    }
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at
    const match = NUMBER.exec(this.text)
    if (match === null) throw this.#syntax('expected a value')
    this.#at += match[0].length
    const value = Number(match[0])
    if (match[1] !== undefined || match[2] !== undefined || Number.isSafeInteger(value)) return value
    if (match[0].length > MAX_DIGITS) throw this.#syntax(`an integer of more than ${MAX_DIGITS} digits`)
    if (this.options.integers === 'bigint') return BigInt(match[0])
    throw integerOutOfRange(match[0], this.#path())
  }

  #typed(object: Readonly<Record<string, unknown>>): unknown {
    const { __type__: type, __value__: value } = object
    const wrong = (cause?: unknown): MessageError =>
      undecodable(
        `${this.#path()}: not a valid value of the type ${JSON.stringify(type)}`,
        { path: this.#path() },
        cause,
      )
    try {
      if (type === 'uuid') {
        const hex = typeof value === 'object' && value !== null ? (value as { hex?: unknown }).hex : value
        if (typeof hex !== 'string') throw wrong()
        return new Uuid(hex)
      }
      if (typeof value === 'string') {
        switch (type) {
          case 'datetime': {
            const ms = parseTime(value)
            if (ms === undefined) throw wrong()
            return new Date(ms)
          }
          case 'date':
            return new PlainDate(value.slice(0, 10))
          case 'time':
            return new PlainTime(value)
          case 'decimal':
            return new Decimal(value)
          case 'bytes':
            return Buffer.from(value, 'utf8')
          case 'base64':
            return Buffer.from(value, 'base64')
        }
      }
    } catch (error) {
      throw error instanceof RangeError ? wrong(error) : error
    }
    throw undecodable(`${this.#path()}: the type ${String(JSON.stringify(type)).slice(0, 64)} is not known`, {
      path: this.#path(),
    })
  }

  #expect(char: string): void {
    if (this.text[this.#at] !== char) throw this.#syntax(`expected ${char}`)
    this.#at++
  }

  #skipSpace(): void {
    const code = this.text.charCodeAt(this.#at)
    if (code > 32) return
    SPACE.lastIndex = this.#at
    this.#at += SPACE.exec(this.text)?.[0].length ?? 0
  }

  #path(): string {
    return formatPath(this.root, this.#steps)
  }

  #syntax(what: string): MessageError {
    return undecodable(`not valid JSON at character ${this.#at}: ${what}`, { position: this.#at })
  }
}
