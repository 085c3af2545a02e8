import { messageOf, ResultError } from '../../kernel/index.js'
import { decodeJson, type ExceptionInfo, type ReadOptions } from '../../message/index.js'
import type { ArrivedPart, CompletedJoin, Join, JoinPart, ResultTuple } from '../../result/index.js'

/** How long a completed join stays with its taker, unless specified otherwise. */
export const HOLD_MS = 30_000
/** Joins that one `due` hands out, unless specified otherwise: each may carry all its parts. */
export const DUE_LIMIT = 10

/** A join as it is handed out, its members in order; a value that cannot be read is a failure. */
export function completedJoin(
  { id, body, shape }: Pick<Join, 'id' | 'body' | 'shape'>,
  parts: readonly Omit<JoinPart, 'joinId'>[],
  expired: boolean,
  options: ReadOptions,
): CompletedJoin {
  const ordered = [...parts].sort((left, right) => {
    const [a, b] = [placeOf(left), placeOf(right)]
    return a === b ? (left.taskId < right.taskId ? -1 : 1) : a - b
  })
  return {
    id,
    body,
    expired,
    parts: ordered.map((part) => arrived(part, options)),
    ...(shape ? { shape } : {}),
  }
}

const placeOf = ({ index }: { readonly index: number | null }): number => index ?? Number.POSITIVE_INFINITY

function arrived(
  { taskId, index, state, resultJson }: Omit<JoinPart, 'joinId'>,
  options: ReadOptions,
): ArrivedPart {
  try {
    return { taskId, index, state, result: decodeJson(resultJson, options) }
  } catch (error) {
    const result: ExceptionInfo = {
      exc_type: 'ResultError',
      exc_message: [messageOf(error)],
      exc_module: null,
    }
    return { taskId, index, state: 'FAILURE', result }
  }
}

/** Reads a group kept by `saveGroup`. Throws LVG_RESULT_UNREADABLE. */
export function savedGroup(id: string, json: string): ResultTuple {
  try {
    // Only `saveGroup` writes it.
    return JSON.parse(json) as ResultTuple
  } catch (cause) {
    throw new ResultError(`The saved group ${id} cannot be read.`, {
      code: 'LVG_RESULT_UNREADABLE',
      details: { id },
      cause,
    })
  }
}
