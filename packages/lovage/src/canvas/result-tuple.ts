import type { ResultTuple } from '../result/index.js'
import { idOf } from './freeze.js'
import type { Canvas, ChordNode } from './node.js'

/** Names the result of a frozen canvas, with its parents, in Celery's nested pairs (protocol.md 4.4). */
export function resultTuple(canvas: Canvas, parent: ResultTuple | null = null): ResultTuple {
  switch (canvas.kind) {
    case 'task':
      return [[idOf(canvas) ?? '', parent], null]
    case 'chain': {
      let tuple = parent
      for (const step of canvas.steps) tuple = resultTuple(step, tuple)
      return tuple ?? [['', null], null]
    }
    case 'group':
      return [[idOf(canvas) ?? '', parent], canvas.members.map((member) => resultTuple(member))]
    case 'chord':
      return resultTuple(canvas.body, headerTuple(canvas, parent))
  }
}

/** Names the results of a chord's header. */
export const headerTuple = (chord: ChordNode, parent: ResultTuple | null = null): ResultTuple => [
  [chord.groupId ?? '', parent],
  chord.header.map((member) => resultTuple(member)),
]

/** The values of a group, those of groups inside it as lists of their own. */
export function shapeOf([, children]: ResultTuple, valueFor: (id: string) => unknown): readonly unknown[] {
  return (children ?? []).map((child) =>
    child[1] === null ? valueFor(child[0][0]) : shapeOf(child, valueFor),
  )
}

/** Reads pairs that came from outside; undefined when they are none. */
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

/** A chain's parents nest as deep as it is long. */
const MAX_TUPLE_DEPTH = 5_000
