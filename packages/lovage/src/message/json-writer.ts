import { types } from 'node:util'
import { MessageError } from '../kernel/index.js'
import type { Dialect } from './dialect.js'
import { integerOutOfRange } from './json-reader.js'
import { jsonTypeOf } from './json-types.js'
import { MAX_DEPTH } from './limits.js'
import { formatPath, type RootName } from './path.js'

/** The error for a value that cannot be written; `steps` lead to it. */
export function unserialisable(
  what: string,
  root: RootName,
  steps: readonly (string | number)[],
  hint?: string,
): MessageError {
  const path = formatPath(root, steps)
  return new MessageError(`${path} cannot be sent: ${what}`, {
    code: 'LVG_MESSAGE_UNSERIALISABLE',
    details: { path },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Names a value in an error: `a function`, `an instance of Map`. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value === 'symbol') return 'a symbol'
  if (value === undefined) return 'undefined'
  if (typeof value === 'object' && value !== null) {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
    return typeof name === 'string' && name !== ''
      ? `an instance of ${name}`
      : 'an object of an unknown class'
  }
  return typeof value
}

/** The hint for an instance of a class. */
export const CLASS_HINT =
  'Send plain objects, arrays, strings, numbers, booleans, null, BigInt, Date or bytes, or give the class a toJSON().'

/** Whether an object is a plain record of fields, from any realm. */
export function isRecord(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** Throws LVG_MESSAGE_INTEGER_RANGE with the path to the first BigInt that a number does not hold; for formats that their libraries write. */
export function refuseLongIntegers(
  value: unknown,
  root: RootName,
  steps: readonly (string | number)[] = [],
): void {
  if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value)))
    throw integerOutOfRange(value.toString(), formatPath(root, steps))
  // Deeper values are refused where they are written.
  if (typeof value !== 'object' || value === null || steps.length >= MAX_DEPTH) return
  if (Array.isArray(value))
    for (const [place, one] of value.entries()) refuseLongIntegers(one, root, [...steps, place])
  else if (isRecord(value))
    for (const name of Object.keys(value)) refuseLongIntegers(value[name], root, [...steps, name])
}

/** Writes values that JSON.stringify would drop, change or refuse, and reports the path of a value that cannot be written. */
export class JsonWriter {
  readonly #dialect: Dialect
  readonly #root: RootName
  readonly #steps: (string | number)[] = []
  readonly #ancestors = new Set<object>()

  readonly #integers: 'number' | 'bigint'

  /** @param integers `number` refuses a BigInt outside a number's range: a reader in that mode would refuse the whole message. */
  constructor(dialect: Dialect, root: RootName, integers: 'number' | 'bigint' = 'bigint') {
    this.#dialect = dialect
    this.#root = root
    this.#integers = integers
  }

  write(value: unknown): string {
    switch (typeof value) {
      case 'string':
        return this.#dialect.string(value)
      case 'boolean':
        return value ? 'true' : 'false'
      case 'bigint':
        if (this.#integers === 'number' && !Number.isSafeInteger(Number(value)))
          throw integerOutOfRange(value.toString(), formatPath(this.#root, this.#steps))
        return value.toString()
      case 'number':
        return this.#dialect.number(value)
      case 'object':
        return value === null ? 'null' : this.#object(value)
      default:
        throw this.#refuse(describe(value))
    }
  }

  #object(value: object): string {
    if (types.isDate(value)) return this.#date(value)
    if (types.isUint8Array(value)) {
      const text = this.#dialect.bytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      if (text !== undefined) return text
      throw this.#refuse('bytes have no plain form', 'Encode them (base64) yourself, or use typed JSON.')
    }
    const type = jsonTypeOf(value)
    if (type !== undefined) {
      const text = this.#dialect.special(type, String(value))
      if (text !== undefined) return text
      throw this.#refuse(`the format has no ${type}`, 'Send its string form, or use JSON.')
    }
    if (this.#ancestors.has(value)) throw this.#refuse('it contains itself')
    // Counted in objects, not in steps: a toJSON that keeps returning new objects takes no step.
    if (this.#ancestors.size >= MAX_DEPTH) throw this.#refuse(`it is nested deeper than ${MAX_DEPTH} levels`)
    this.#ancestors.add(value)
    const text = Array.isArray(value) ? this.#array(value) : this.#record(value)
    this.#ancestors.delete(value)
    return text
  }

  #array(value: readonly unknown[]): string {
    let text = ''
    for (let i = 0; i < value.length; i++) {
      this.#steps.push(i)
      if (i > 0) text += this.#dialect.comma
      text += this.write(value[i])
      this.#steps.pop()
    }
    return `[${text}]`
  }

  #record(value: object): string {
    const toJson: unknown = (value as { toJSON?: unknown }).toJSON
    if (typeof toJson === 'function') {
      // A class's own JSON conversion is used, as in JSON.stringify and in kombu's `__json__`.
      return this.write(toJson.call(value, String(this.#steps.at(-1) ?? '')))
    }
    if (!isRecord(value)) throw this.#refuse(describe(value), CLASS_HINT)
    const { comma, colon, key: writeKey, reserved } = this.#dialect
    let text = ''
    let count = 0
    let reservedNames = 0
    for (const key of Object.keys(value)) {
      const member = value[key]
      if (member === undefined) continue
      this.#steps.push(key)
      if (key === '__proto__') throw this.#refuse('a field named __proto__ is refused')
      if (count > 0) text += comma
      text += `${writeKey(key)}${colon}${this.write(member)}`
      this.#steps.pop()
      count++
      if (key === '__type__' || key === '__value__') reservedNames++
    }
    if (reserved && reservedNames === 2 && count === 2) {
      throw this.#refuse(
        'an object with exactly the fields __type__ and __value__ means a typed value to Celery',
      )
    }
    return `{${text}}`
  }

  #date(value: Date): string {
    try {
      return this.#dialect.date(value)
    } catch (error) {
      throw this.#refuse(error instanceof RangeError ? error.message : 'an invalid Date')
    }
  }

  #refuse(what: string, hint?: string): MessageError {
    return unserialisable(what, this.#root, this.#steps, hint)
  }
}
