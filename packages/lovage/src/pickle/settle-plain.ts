import { formatPath, integerOutOfRange, MAX_DEPTH, type ReadOptions, undecodable } from '../message/index.js'
import { PythonObject, refuseLoose } from './python-types.js'

/** Values in all, those that are shared counted each time: a few bytes of pickle could stand for more than any memory. */
const MAX_VALUES = 10_000_000

/**
 * Makes what the reader has built final: integers become numbers, or stay BigInt where they are too great and that is
 * wanted; whatever is no data is refused, and so are cycles, which nest without end.
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
    // A dictionary that the reader has made.
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
