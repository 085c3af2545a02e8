import { ResultError } from '../../kernel/index.js'
import { decodeJson, encodeJson } from '../../message/index.js'
import type { ExtendedResult, ResultRecord, ResultTuple, TaskResult } from '../result-backend.js'
import type { ResultRow, StoredRow } from './program.js'

/** A record as the columns that the store's statement takes. */
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

/** @throws {ResultError} LVG_RESULT_UNREADABLE when a column holds no JSON. */
export function fromRow([
  id,
  state,
  result,
  traceback,
  children,
  dateDone,
  groupId,
  parentId,
  extended,
]: StoredRow): TaskResult {
  try {
    return {
      id,
      state,
      result: decodeJson(result),
      traceback,
      // Both columns are written by `toRow` alone.
      children: JSON.parse(children) as ResultTuple[],
      dateDone,
      ...(groupId === null ? {} : { groupId }),
      ...(parentId === null ? {} : { parentId }),
      ...(extended === null ? {} : { extended: decodeJson(extended) as ExtendedResult }),
    }
  } catch (cause) {
    throw new ResultError(`The stored result of task ${id} cannot be read.`, {
      code: 'LVG_RESULT_UNREADABLE',
      details: { id },
      cause,
    })
  }
}
