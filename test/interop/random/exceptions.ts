import type { Drawing } from './drawing.js'

/** A canvas for which an outcome may differ from Celery's, and in what. */
export interface Exception {
  readonly reason: string
  /** Whether the canvas was built by Python. */
  readonly builtByPython: boolean
  readonly concerns: (drawing: Drawing) => boolean
  readonly agree: (expected: unknown, found: unknown) => boolean
}

/** Where canvases differ from Celery's, versions 5.2 to 5.7, and why. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    reason:
      'Celery lays a group within a group flat, its members in reverse, where a step follows the outer one; built by us it keeps its nesting and order.',
    builtByPython: false,
    concerns: joinsNestedGroup,
    agree: (expected, found) => String(namesIn(expected)) === String(namesIn(found)),
  },
]

/** Whether a step follows a group that has a group among its members. */
function joinsNestedGroup(drawing: Drawing): boolean {
  switch (drawing.kind) {
    case 'task':
      return false
    case 'chain':
      return drawing.steps.some(
        (step, place) =>
          joinsNestedGroup(step) || (place + 1 < drawing.steps.length && endsInNestedGroup(step)),
      )
    case 'group':
      return drawing.members.some(joinsNestedGroup)
    case 'chord':
      return [...drawing.header, drawing.body].some(joinsNestedGroup)
  }
}

function endsInNestedGroup(drawing: Drawing): boolean {
  if (drawing.kind === 'chain') return drawing.steps.slice(-1).some(endsInNestedGroup)
  return drawing.kind === 'group' && drawing.members.some(({ kind }) => kind === 'group')
}

/** Names of the tasks that a value tells of, in alphabetical order. */
const namesIn = (outcome: unknown): readonly string[] =>
  (JSON.stringify(outcome).match(/"\d+\.n\d+"|"swapped"|"tail"|"error"|"stuck"/g) ?? []).sort()
