import { types } from 'node:util'
import {
  describe,
  isRecord,
  type JsonTypeName,
  jsonTypeOf,
  MAX_DEPTH,
  PlainDate,
  PlainTime,
  unserialisable,
} from '../message/index.js'

/** A list that Python reads as a tuple. */
export class PythonTuple {
  constructor(readonly items: readonly unknown[]) {}
}

/**
 * Writes plain data as a Python pickle of protocol 4, which every Python 3 reads: null, booleans, numbers, BigInt, text, bytes,
 * arrays, plain objects, `PythonTuple`, and as Python's own types Date (aware, UTC), `Decimal`, `Uuid`, `PlainDate` and
 * `PlainTime`. Whole numbers become int, all others float. Throws a MessageError LVG_MESSAGE_UNSERIALISABLE naming the path.
 */
export function encodePickle(value: unknown): Buffer {
  const writer = new PickleWriter()
  writer.write(value)
  return writer.end()
}

class PickleWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0
  readonly #steps: (string | number)[] = []
  readonly #ancestors = new Set<object>()

  constructor() {
    this.#op(0x80, 4)
  }

  end(): Buffer {
    this.#op(0x2e)
    return this.#bytes.subarray(0, this.#length)
  }

  write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'boolean':
        return this.#op(value ? 0x88 : 0x89)
      case 'number':
        return Number.isSafeInteger(value) ? this.#integer(value) : this.#float(value)
      case 'bigint':
        return this.#long(value)
      case 'object':
        return value === null ? this.#op(0x4e) : this.#object(value)
      default:
        throw unserialisable(describe(value), 'result', this.#steps)
    }
  }

  #object(value: object): void {
    if (types.isDate(value)) return this.#date(value)
    if (types.isUint8Array(value)) return this.#binary(value)
    const type = jsonTypeOf(value)
    if (type !== undefined) return this.#special(type, value)
    if (this.#ancestors.has(value)) throw unserialisable('it contains itself', 'result', this.#steps)
    if (this.#ancestors.size >= MAX_DEPTH)
      throw unserialisable(`it is nested deeper than ${MAX_DEPTH} levels`, 'result', this.#steps)
    this.#ancestors.add(value)
    if (Array.isArray(value)) {
      this.#op(0x5d, 0x28) // EMPTY_LIST MARK … APPENDS
      this.#items(value)
      this.#op(0x65)
    } else if (value instanceof PythonTuple) {
      this.#op(0x28) // MARK … TUPLE
      this.#items(value.items)
      this.#op(0x74)
    } else if (isRecord(value)) this.#record(value)
    else throw unserialisable(describe(value), 'result', this.#steps)
    this.#ancestors.delete(value)
  }

  #items(items: readonly unknown[]): void {
    for (let i = 0; i < items.length; i++) this.#at(i, items[i])
  }

  #record(record: Readonly<Record<string, unknown>>): void {
    this.#op(0x7d, 0x28) // EMPTY_DICT MARK … SETITEMS
    for (const [key, value] of Object.entries(record)) {
      if (value === undefined) continue
      this.#text(key)
      this.#at(key, value)
    }
    this.#op(0x75)
  }

  #at(step: string | number, value: unknown): void {
    this.#steps.push(step)
    this.write(value)
    this.#steps.pop()
  }

  #integer(value: number): void {
    if (value >= 0 && value < 256) return this.#op(0x4b, value)
    if (value < -(2 ** 31) || value >= 2 ** 31) return this.#long(BigInt(value))
    this.#op(0x4a)
    const at = this.#room(4)
    this.#bytes.writeInt32LE(value, at)
  }

  /** Two's complement, little-endian, as short as possible. */
  #long(value: bigint): void {
    const bits = (value < 0n ? ~value : value).toString(2).length + 1
    const length = Math.ceil(bits / 8)
    const hex = BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0')
    const bytes = Buffer.from(hex, 'hex').reverse()
    if (length < 256) this.#op(0x8a, length)
    else this.#sized(0x8b, length)
    this.#append(bytes)
  }

  #float(value: number): void {
    this.#op(0x47)
    const at = this.#room(8)
    this.#bytes.writeDoubleBE(value, at)
  }

  #text(text: string): void {
    const bytes = utf8(text)
    if (bytes.length < 256) this.#op(0x8c, bytes.length)
    else this.#sized(0x58, bytes.length)
    this.#append(bytes)
  }

  #binary(bytes: Uint8Array): void {
    if (bytes.length < 256) this.#op(0x43, bytes.length)
    else this.#sized(0x42, bytes.length)
    this.#append(bytes)
  }

  #date(value: Date): void {
    const year = value.getUTCFullYear()
    if (!(year >= 1 && year <= 9999))
      throw unserialisable('a Date that Python’s datetime does not hold', 'result', this.#steps)
    const bytes = Buffer.alloc(10)
    bytes.writeUInt16BE(year)
    bytes.set(
      [
        value.getUTCMonth() + 1,
        value.getUTCDate(),
        value.getUTCHours(),
        value.getUTCMinutes(),
        value.getUTCSeconds(),
      ],
      2,
    )
    bytes.writeUIntBE(value.getUTCMilliseconds() * 1000, 7, 3)
    this.#call('datetime', 'datetime', () => {
      this.#binary(bytes)
      this.#zone(0)
    })
  }

  #special(type: JsonTypeName, value: object): void {
    if (value instanceof PlainDate) {
      const { year, month, day } = value
      return this.#call('datetime', 'date', () =>
        this.#binary(Buffer.from([year >> 8, year & 0xff, month, day])),
      )
    }
    if (value instanceof PlainTime) {
      const { hour, minute, second, microsecond: us, offset } = value
      return this.#call('datetime', 'time', () => {
        this.#binary(Buffer.from([hour, minute, second, us >> 16, (us >> 8) & 0xff, us & 0xff]))
        if (offset !== null) this.#zone(secondsOf(offset))
      })
    }
    const [module, name] = type === 'decimal' ? ['decimal', 'Decimal'] : ['uuid', 'UUID']
    this.#call(module, name, () => this.#text(String(value)))
  }

  #zone(seconds: number): void {
    this.#call('datetime', 'timezone', () =>
      this.#call('datetime', 'timedelta', () => {
        for (const part of [0, seconds, 0]) this.#integer(part)
      }),
    )
  }

  /** STACK_GLOBAL, a tuple of arguments, REDUCE. */
  #call(module: string, name: string, args: () => void): void {
    this.#text(module)
    this.#text(name)
    this.#op(0x93, 0x28)
    args()
    this.#op(0x74, 0x52)
  }

  #op(...bytes: readonly number[]): void {
    this.#append(bytes)
  }

  #append(bytes: ArrayLike<number>): void {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
  }

  #sized(opcode: number, length: number): void {
    this.#op(opcode)
    const at = this.#room(4)
    this.#bytes.writeUInt32LE(length, at)
  }

  /** Reserves `length` bytes; returns their offset. */
  #room(length: number): number {
    const at = this.#length
    this.#length += length
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }
}

/** The seconds of `+02:00`, optionally with seconds. */
function secondsOf(offset: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = offset.slice(1).split(':').map(Number)
  return (offset.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds)
}

/** UTF-8 with lone surrogates as three bytes each, as in Python's strings. */
function utf8(text: string): Buffer {
  const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
  if (!/[\ud800-\udfff]/.test(text)) return Buffer.from(text)
  const parts: Buffer[] = []
  let from = 0
  for (const { index, 0: unit } of text.matchAll(lone)) {
    const code = unit.charCodeAt(0)
    parts.push(Buffer.from(text.slice(from, index)))
    parts.push(Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]))
    from = index + 1
  }
  return Buffer.concat([...parts, Buffer.from(text.slice(from))])
}
