import { types } from 'node:util'
import { integerOutOfRange, type ReadOptions, undecodable } from './json-reader.js'
import { jsonTypeOf } from './json-types.js'
import { CLASS_HINT, describe, isRecord, unserialisable } from './json-writer.js'
import { MAX_DEPTH } from './limits.js'
import { formatPath, type RootName } from './path.js'

/**
 * A copy that the msgpack library writes without loss. Values that the library would drop or blur are refused with a MessageError that
 * names the path.
 */
export function toMsgpackTree(value: unknown, root: RootName): unknown {
  const steps: (string | number)[] = []
  const ancestors = new Set<object>()
  const refuse = (what: string, hint?: string) => unserialisable(what, root, steps, hint)

  const at = (step: string | number, child: unknown): unknown => {
    steps.push(step)
    const copy = walk(child)
    steps.pop()
    return copy
  }
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string' || typeof item === 'boolean' || item === null) return item
    // The library writes integers wider than 32 bits as floats unless they are BigInts; Python would get 5e9 as a float.
    if (typeof item === 'number')
      return Number.isSafeInteger(item) && Math.abs(item) > 0x7fffffff ? BigInt(item) : item
    if (typeof item === 'bigint') {
      if (item >= -(2n ** 63n) && item < 2n ** 64n) return item
      throw refuse('an integer of more than 64 bits, which msgpack does not hold', 'Use JSON.')
    }
    if (typeof item !== 'object') throw refuse(describe(item))
    if (types.isDate(item)) {
      if (Number.isNaN(item.getTime())) throw refuse('an invalid Date')
      return item
    }
    if (types.isUint8Array(item)) return item
    const type = jsonTypeOf(item)
    if (type !== undefined) throw refuse(`msgpack has no ${type}`, 'Send its string form, or use JSON.')
    if (ancestors.has(item)) throw refuse('it contains itself')
    if (ancestors.size >= MAX_DEPTH) throw refuse(`it is nested deeper than ${MAX_DEPTH} levels`)
    ancestors.add(item)
    const copy = Array.isArray(item) ? Array.from(item, (child, i) => at(i, child)) : record(item)
    ancestors.delete(item)
    return copy
  }
  const record = (item: object): unknown => {
    const toJson: unknown = (item as { toJSON?: unknown }).toJSON
    if (typeof toJson === 'function') return walk(toJson.call(item, String(steps.at(-1) ?? '')))
    if (!isRecord(item)) throw refuse(describe(item), CLASS_HINT)
    const copy: Record<string, unknown> = {}
    for (const [key, member] of Object.entries(item)) {
      if (member === undefined) continue
      if (key === '__proto__') throw refuse('a field named __proto__ is refused')
      copy[key] = at(key, member)
    }
    return copy
  }
  return walk(value)
}

/** Normalises a library's output to that of `decodeJson`: exact integers, bounded depth, no `__proto__`. */
export function fromTree(value: unknown, options: ReadOptions, root: RootName): unknown {
  const steps: (string | number)[] = []
  const walk = (item: unknown): unknown => {
    if (typeof item === 'bigint') {
      const number = Number(item)
      if (Number.isSafeInteger(number)) return number
      if (options.integers === 'bigint') return item
      throw integerOutOfRange(item.toString(), formatPath(root, steps))
    }
    if (typeof item !== 'object' || item === null || types.isDate(item) || types.isUint8Array(item))
      return item
    if (steps.length >= MAX_DEPTH) throw undecodable(`the value nests deeper than ${MAX_DEPTH} levels`)
    if (Array.isArray(item)) {
      return item.map((child, i) => {
        steps.push(i)
        const copy = walk(child)
        steps.pop()
        return copy
      })
    }
    if (!isRecord(item)) throw undecodable(`${formatPath(root, steps)}: ${describe(item)} is not supported`)
    const copy: Record<string, unknown> = {}
    for (const [key, child] of Object.entries(item)) {
      steps.push(key)
      if (key === '__proto__')
        throw undecodable(`${formatPath(root, steps)}: a field named __proto__ is refused`)
      copy[key] = walk(child)
      steps.pop()
    }
    return copy
  }
  return walk(value)
}
