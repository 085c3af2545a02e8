import type { ReadOptions } from '../../../message/index.js'
import type { CompletedJoin, ResultTuple } from '../../../result/index.js'
import { completedJoin } from '../../shared/index.js'
import type { JoinRow } from './joins-program.js'

/** A join that the thread handed out. */
export function joinOf(
  { id, body, shape, parts, expired }: JoinRow,
  options: ReadOptions = {},
): CompletedJoin {
  const named = parts.map(([taskId, index, state, resultJson]) => ({ taskId, index, state, resultJson }))
  // Only `open` writes it.
  const nested = shape === null ? {} : { shape: JSON.parse(shape) as ResultTuple }
  return completedJoin({ id, body, ...nested }, named, expired, options)
}
