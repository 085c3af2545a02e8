import { decodeJson, encodeJson, type ReadOptions } from '../../message/index.js'
import type { ExtendedResult, ResultRecord, ResultTuple, TaskResult } from '../../result/index.js'
import { unreadableResult } from './unreadable.js'

/** Celery's meta object of a result (docs/internals/wire.md#results), which both languages read; `status` first. */
export function encodeMeta(record: ResultRecord): string {
  const { id, state, resultJson, traceback, children, dateDone, groupId, parentId, extended } = record
  return (
    `{"status":${JSON.stringify(state)},"result":${resultJson},"traceback":${JSON.stringify(traceback)}` +
    `,"children":${children.length === 0 ? '[]' : JSON.stringify(children)},"date_done":${JSON.stringify(dateDone)}` +
    (groupId === undefined ? '' : `,"group_id":${JSON.stringify(groupId)}`) +
    (parentId === undefined ? '' : `,"parent_id":${JSON.stringify(parentId)}`) +
    (extended === undefined ? '' : encodeExtended(extended)) +
    `,"task_id":${JSON.stringify(id)}}`
  )
}

function encodeExtended({ name, args, kwargs, worker, retries, queue, stamps }: ExtendedResult): string {
  const names = Object.keys(stamps ?? {})
  const fields = { name, args, kwargs, worker, retries, queue }
  // Stamps are stored flat among the other fields, as Celery does.
  const all = names.length === 0 ? fields : { ...stamps, ...fields, stamped_headers: names }
  return `,${encodeJson(all, 'result').slice(1, -1)}`
}

/** Reads a meta object, Python's or ours. An invalid one, or one with an unreadable value, is marked as such. */
export function decodeMeta(id: string, json: string, options: ReadOptions): TaskResult {
  let meta: unknown
  try {
    meta = decodeJson(json, options, 'result')
  } catch (cause) {
    return unreadableResult(id, cause)
  }
  if (!isFields(meta) || typeof meta.status !== 'string') return unreadableResult(id, 'it is not a result')
  const { group_id: groupId, parent_id: parentId } = meta
  return {
    id,
    state: meta.status,
    result: meta.result ?? null,
    traceback: textOrNull(meta.traceback),
    // Nested pairs, as Celery and we write them; the code that walks them checks each.
    children: Array.isArray(meta.children) ? (meta.children as ResultTuple[]) : [],
    dateDone: textOrNull(meta.date_done),
    ...(typeof groupId === 'string' ? { groupId } : {}),
    ...(typeof parentId === 'string' ? { parentId } : {}),
    ...(typeof meta.name === 'string' ? { extended: decodeExtended(meta.name, meta) } : {}),
  }
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOrNull = (value: unknown): string | null =>
  value === null || value === undefined ? null : typeof value === 'string' ? value : String(value)

function decodeExtended(name: string, meta: Fields): ExtendedResult {
  const stamped = Array.isArray(meta.stamped_headers) ? meta.stamped_headers.map(String) : []
  return {
    name,
    // Python stores their text instead when they cannot be written as JSON.
    args: Array.isArray(meta.args)
      ? meta.args
      : meta.args === undefined || meta.args === null
        ? []
        : [meta.args],
    kwargs: isFields(meta.kwargs) ? meta.kwargs : {},
    worker: textOrNull(meta.worker) ?? '',
    retries: typeof meta.retries === 'number' ? meta.retries : 0,
    queue: textOrNull(meta.queue) ?? '',
    ...(stamped.length > 0
      ? { stamps: Object.fromEntries(stamped.map((stamp) => [stamp, meta[stamp]])) }
      : {}),
  }
}
