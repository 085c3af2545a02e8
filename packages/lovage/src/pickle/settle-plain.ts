import { formatPath, integerOutOfRange, MAX_DEPTH, type ReadOptions, undecodable } from '../message/index.js'
import { PythonObject, refuseLoose } from './python-types.js'

/** The total number of values, counting shared ones each time: a few bytes of pickle could otherwise expand beyond any memory. */
const MAX_VALUES = 10_000_000

/**
 * Finalises the reader's output: integers become numbers, or stay BigInt where they are too large and that is wanted. Anything that is
 * not data is refused, and so are cycles.
 */
export function settlePlain(root: unknown, { integers = 'number' }: Pick<ReadOptions, 'integers'>): unknown {
  const steps: (string | number)[] = []
  let left = MAX_VALUES

  const settle = (value: unknown): unknown => {
    if (--left < 0) throw undecodable(`more than ${MAX_VALUES} values`, { limit: MAX_VALUES })
    if (typeof value === 'bigint') {
      const number = Number(value)
      if (Number.isSafeInteger(number)) return number
      if (integers === 'bigint') return value
      throw integerOutOfRange(value.toString(), formatPath('result', steps))
    }
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof PythonObject) return value.value
    refuseLoose(value)
    if (Array.isArray(value)) {
      enter()
      for (let i = 0; i < value.length; i++) value[i] = at(i, value[i])
      return value
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return value
    enter()
    // A dictionary that the reader built.
    const record = value as Record<string, unknown>
    for (const key of Object.keys(record)) record[key] = at(key, record[key])
    return record
  }
  const at = (step: string | number, value: unknown): unknown => {
    steps.push(step)
    const settled = settle(value)
    steps.pop()
    return settled
  }
  const enter = (): void => {
    if (steps.length >= MAX_DEPTH)
      throw undecodable(`the value nests deeper than ${MAX_DEPTH} levels`, { limit: MAX_DEPTH })
  }
  return settle(root)
}
