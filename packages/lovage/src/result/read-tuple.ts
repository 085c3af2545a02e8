import type { ResultTuple } from './task-result.js'

/** Reads untrusted pairs; undefined when they are invalid. */
export function readTuple(value: unknown, depth = 0): ResultTuple | undefined {
  if (depth > MAX_TUPLE_DEPTH || !Array.isArray(value) || value.length !== 2) return undefined
  const [own, children]: readonly unknown[] = value
  if (!Array.isArray(own) || own.length !== 2 || typeof own[0] !== 'string') return undefined
  const parent = own[1] === null ? null : readTuple(own[1], depth + 1)
  if (parent === undefined) return undefined
  if (children === null) return [[own[0], parent], null]
  if (!Array.isArray(children)) return undefined
  const read = children.map((child) => readTuple(child, depth + 1)).filter((child) => child !== undefined)
  return read.length === children.length ? [[own[0], parent], read] : undefined
}

/** A chain's parents nest as deep as the chain is long. */
const MAX_TUPLE_DEPTH = 5_000

/** The ids of the tasks that a tuple names, those in groups included. */
export const leavesOf = ([[id], children]: ResultTuple): readonly string[] =>
  children === null ? [id] : children.flatMap(leavesOf)
