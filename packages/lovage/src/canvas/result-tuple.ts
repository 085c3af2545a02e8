import type { ResultTuple } from '../result/index.js'
import { idOf } from './freeze.js'
import type { Canvas, ChordNode } from './node.js'

/** Names the result of a frozen canvas, with its parents, in Celery's nested pairs (docs/internals/wire.md#result-tuples). */
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

/** The values of a group, with those of inner groups as nested lists. */
export function shapeOf([, children]: ResultTuple, valueFor: (id: string) => unknown): readonly unknown[] {
  return (children ?? []).map((child) =>
    child[1] === null ? valueFor(child[0][0]) : shapeOf(child, valueFor),
  )
}
