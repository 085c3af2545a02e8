import { decodeJson, encodeJson, type ReadOptions } from '../../../message/index.js'
import type { ExtendedResult, ResultRecord, ResultTuple, TaskResult } from '../../../result/index.js'
import { unreadableResult } from '../../shared/index.js'
import type { ResultRow, StoredRow } from './program.js'

/** A record as the parameters of the store's statement. */
export function toRow(record: ResultRecord, nowMs: number): ResultRow {
  const {
    id,
    state,
    resultJson,
    traceback,
    children,
    dateDone,
    groupId = null,
    parentId = null,
    extended,
  } = record
  const extendedJson = extended ? encodeJson(extended) : null
  return [
    id,
    state,
    resultJson,
    traceback,
    JSON.stringify(children),
    dateDone,
    nowMs,
    groupId,
    parentId,
    extendedJson,
  ]
}

/** A row as a result. */
export function fromRow(
  [id, state, result, traceback, children, dateDone, groupId, parentId, extended]: StoredRow,
  options: ReadOptions,
): TaskResult {
  try {
    return {
      id,
      state,
      result: decodeJson(result, options),
      traceback,
      // Only `toRow` writes both columns.
      children: JSON.parse(children) as ResultTuple[],
      dateDone,
      ...(groupId === null ? {} : { groupId }),
      ...(parentId === null ? {} : { parentId }),
      ...(extended === null ? {} : { extended: decodeJson(extended, options) as ExtendedResult }),
    }
  } catch (cause) {
    return unreadableResult(id, cause)
  }
}
