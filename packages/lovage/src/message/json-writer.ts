import { isUtf8 } from 'node:buffer'
import { MessageError } from '../kernel/index.js'
import { jsonTypeOf } from './json-types.js'
import { MAX_DEPTH } from './limits.js'
import { formatPath, type RootName } from './path.js'
import { formatTime } from './times.js'

/** Whether values that JSON lacks travel as kombu's typed objects or as plain strings. */
export type JsonTypes = 'typed' | 'plain'

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

/** Whether an object is a record of fields: of no class, from whichever realm. */
export function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** Writes values that JSON.stringify would drop, change or refuse, and says where a value cannot be written. */
export class JsonWriter {
  readonly #steps: (string | number)[] = []
  readonly #ancestors = new Set<object>()

  constructor(
    private readonly types: JsonTypes,
    private readonly root: RootName,
  ) {}

  write(value: unknown): string {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value)
      case 'boolean':
        return value ? 'true' : 'false'
      case 'bigint':
        return value.toString()
      case 'number':
        return writeNumber(value)
      case 'object':
        return value === null ? 'null' : this.#object(value)
      default:
        throw this.#refuse(describe(value))
    }
  }

  #object(value: object): string {
    if (value instanceof Date) return this.#date(value)
    if (value instanceof Uint8Array) return this.#bytes(value)
    const type = jsonTypeOf(value)
    if (type === 'uuid') {
      const text = String(value)
      return this.types === 'plain'
        ? `"${text}"`
        : `{"__type__":"uuid","__value__":{"hex":"${text.replaceAll('-', '')}"}}`
    }
    if (type !== undefined) return this.#typed(type, String(value))
    if (this.#ancestors.has(value)) throw this.#refuse('it contains itself')
    if (this.#steps.length >= MAX_DEPTH) throw this.#refuse(`it is nested deeper than ${MAX_DEPTH} levels`)
    this.#ancestors.add(value)
    const text = Array.isArray(value) ? this.#array(value) : this.#record(value)
    this.#ancestors.delete(value)
    return text
  }

  #array(value: readonly unknown[]): string {
    let text = ''
    for (let i = 0; i < value.length; i++) {
      this.#steps.push(i)
      text += i === 0 ? this.write(value[i]) : `,${this.write(value[i])}`
      this.#steps.pop()
    }
    return `[${text}]`
  }

  #record(value: object): string {
    const toJson: unknown = (value as { toJSON?: unknown }).toJSON
    if (typeof toJson === 'function') {
      // A class that says how it becomes JSON is taken at its word, as by JSON.stringify and by kombu's `__json__`.
      const replaced: unknown = toJson.call(value, String(this.#steps.at(-1) ?? ''))
      return this.write(replaced)
    }
    if (!isRecord(value)) {
      throw this.#refuse(
        describe(value),
        'Send plain objects, arrays, strings, numbers, booleans, null, BigInt, Date or bytes, or give the class a toJSON().',
      )
    }
    let text = ''
    let count = 0
    let reserved = 0
    for (const key of Object.keys(value)) {
      // A plain object of unknown fields.
      const member = (value as Record<string, unknown>)[key]
      if (member === undefined) continue
      this.#steps.push(key)
      if (key === '__proto__') throw this.#refuse('a field named __proto__ is refused')
      text += `${count === 0 ? '' : ','}${JSON.stringify(key)}:${this.write(member)}`
      this.#steps.pop()
      count++
      if (key === '__type__' || key === '__value__') reserved++
    }
    if (reserved === 2 && count === 2) {
      throw this.#refuse(
        'an object with exactly the fields __type__ and __value__ means a typed value to Celery',
      )
    }
    return `{${text}}`
  }

  #date(value: Date): string {
    let text: string
    try {
      text = formatTime(value)
    } catch (error) {
      throw this.#refuse(error instanceof RangeError ? error.message : 'an invalid Date')
    }
    return this.#typed('datetime', text)
  }

  #bytes(value: Uint8Array): string {
    if (this.types === 'plain') {
      throw this.#refuse(
        'bytes have no plain JSON form',
        'Encode them (base64) yourself, or use typed JSON or msgpack.',
      )
    }
    const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return isUtf8(buffer)
      ? this.#typed('bytes', buffer.toString('utf8'))
      : this.#typed('base64', buffer.toString('base64'))
  }

  #typed(type: string, text: string): string {
    const quoted = JSON.stringify(text)
    return this.types === 'plain' ? quoted : `{"__type__":"${type}","__value__":${quoted}}`
  }

  #refuse(what: string, hint?: string): MessageError {
    return unserialisable(what, this.root, this.#steps, hint)
  }
}

/**
 * A number as Python writes it: NaN and the infinities by name, and a whole number beyond 2^53 with an exponent,
 * because it is a float: written as digits it would pretend to be exact.
 */
function writeNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return value.toExponential()
  return JSON.stringify(value)
}
