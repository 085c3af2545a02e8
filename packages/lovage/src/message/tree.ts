import { integerOutOfRange, type ReadOptions, undecodable } from './json-reader.js'
import { jsonTypeOf } from './json-types.js'
import { describe, isRecord, unserialisable } from './json-writer.js'
import { MAX_DEPTH } from './limits.js'
import { formatPath, type RootName } from './path.js'

/** What a binary or YAML writer needs to know of each leaf. */
export interface LeafRules {
  /** Named in errors: `msgpack`. */
  readonly format: string
  number(value: number): unknown
  /** undefined when the format cannot hold it. */
  bigint(value: bigint): unknown
}

/**
 * A copy that the msgpack and YAML libraries write without loss; they would drop or blur what this refuses with a
 * MessageError that names the path.
 */
export function toTree(value: unknown, rules: LeafRules, root: RootName): unknown {
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
    if (typeof item === 'number') return rules.number(item)
    if (typeof item === 'bigint') {
      const kept = rules.bigint(item)
      if (kept === undefined) throw refuse(`an integer that ${rules.format} cannot hold`)
      return kept
    }
    if (typeof item !== 'object') throw refuse(describe(item))
    if (item instanceof Date) {
      if (Number.isNaN(item.getTime())) throw refuse('an invalid Date')
      return item
    }
    if (item instanceof Uint8Array) return item
    const type = jsonTypeOf(item)
    if (type !== undefined)
      throw refuse(`${rules.format} has no ${type}`, 'Send its string form, or use JSON.')
    if (ancestors.has(item)) throw refuse('it contains itself')
    if (steps.length >= MAX_DEPTH) throw refuse(`it is nested deeper than ${MAX_DEPTH} levels`)
    ancestors.add(item)
    const copy = Array.isArray(item) ? Array.from(item, (child, i) => at(i, child)) : record(item)
    ancestors.delete(item)
    return copy
  }
  const record = (item: object): unknown => {
    const toJson: unknown = (item as { toJSON?: unknown }).toJSON
    if (typeof toJson === 'function') return walk(toJson.call(item, String(steps.at(-1) ?? '')))
    if (!isRecord(item)) throw refuse(describe(item))
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

/** Brings what a library read to what `decodeJson` would give: exact integers, bounded depth, no `__proto__`. */
export function fromTree(value: unknown, options: ReadOptions, root: RootName): unknown {
  const steps: (string | number)[] = []
  const walk = (item: unknown): unknown => {
    if (typeof item === 'bigint') {
      const number = Number(item)
      if (Number.isSafeInteger(number)) return number
      if (options.integers === 'bigint') return item
      throw integerOutOfRange(item.toString(), formatPath(root, steps))
    }
    if (typeof item !== 'object' || item === null || item instanceof Date || item instanceof Uint8Array)
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
