import { decodeJson, encodeJson, parseTime, type ReadOptions } from '../../../message/index.js'
import { decodePickle, encodePickle, PythonTuple } from '../../../pickle/index.js'
import type { ExtendedResult, ResultRecord, ResultTuple, TaskResult } from '../../../result/index.js'
import { unreadableResult } from '../../shared/index.js'
import type { PostgresValue } from '../client/index.js'

/** States whose result is an exception. */
const EXCEPTION_STATES: ReadonlySet<string> = new Set(['RETRY', 'FAILURE', 'REVOKED'])
/** Celery's column width. */
const WIDTH = 155

/** A row of `celery_taskmeta`, with the column names of the statement `get`. */
export interface ResultRow {
  readonly id: string
  readonly state: string
  readonly result: Buffer | null
  readonly traceback: string | null
  readonly done: string | null
  readonly name: string | null
  readonly args: Buffer | null
  readonly kwargs: Buffer | null
  readonly worker: string | null
  readonly retries: number | null
  readonly queue: string | null
  readonly more: string | null
}

/** Fields that Celery's columns cannot hold. */
interface More {
  readonly children?: readonly ResultTuple[]
  readonly groupId?: string
  readonly parentId?: string
  readonly stamps?: Readonly<Record<string, unknown>>
}

/** Records as the list parameters of the statement `store`. */
export function toColumns(records: readonly ResultRecord[]): readonly PostgresValue[] {
  const rows = records.map(toRow)
  // One list per column, in the statement's order; a column's values are of one kind.
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? null))
}

function toRow(record: ResultRecord): readonly (string | number | Uint8Array | null)[] {
  const { id, state, traceback, dateDone, extended } = record
  return [
    id,
    state,
    pickled(record),
    dateDone !== null && parseTime(dateDone) !== undefined ? dateDone : null,
    textOf(traceback),
    nameOf(extended?.name),
    extended ? Buffer.from(encodeJson(extended.args)) : null,
    extended ? Buffer.from(encodeJson(extended.kwargs)) : null,
    nameOf(extended?.worker),
    extended?.retries ?? null,
    nameOf(extended?.queue),
    moreOf(record),
  ]
}

/** The value of `resultJson`: a task's return value was already made plain there, once for all backends. */
function pickled({ state, resultJson }: ResultRecord): Buffer | null {
  const value = decodeJson(resultJson, { integers: 'bigint' }, 'result')
  // SQLAlchemy reads and writes None as NULL.
  if (value === null) return null
  return encodePickle(EXCEPTION_STATES.has(state) ? withTuple(value) : value)
}

/** An exception's arguments are a tuple: older Celery takes a list for one argument. */
function withTuple(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('exc_message' in value)) return value
  const { exc_message: said } = value
  return Array.isArray(said) ? { ...value, exc_message: new PythonTuple(said) } : value
}

function moreOf({ children, groupId, parentId, extended }: ResultRecord): string | null {
  const more: More = {
    ...(children.length > 0 ? { children } : {}),
    ...(groupId === undefined ? {} : { groupId }),
    ...(parentId === undefined ? {} : { parentId }),
    ...(extended?.stamps ? { stamps: extended.stamps } : {}),
  }
  return Object.keys(more).length === 0 ? null : encodeJson(more)
}

/** PostgreSQL's text type cannot hold NUL. */
const textOf = (text: string | null): string | null => text?.replaceAll('\0', '\u2400') ?? null
const nameOf = (name: string | undefined): string | null => textOf(name ?? null)?.slice(0, WIDTH) ?? null

/** Reads a row, Python's or ours. An unreadable value is marked as such. */
export function fromRow(row: ResultRow, options: ReadOptions): TaskResult {
  const { id, state, traceback, done } = row
  try {
    // Only `moreOf` writes it.
    const {
      children = [],
      groupId,
      parentId,
      stamps,
    } = (row.more === null ? {} : decodeJson(row.more, options)) as More
    return {
      id,
      state,
      result: row.result === null ? null : decodePickle(row.result, options),
      traceback,
      children,
      dateDone: done === null ? null : `${done.replace(/000$/, '')}Z`,
      ...(groupId === undefined ? {} : { groupId }),
      ...(parentId === undefined ? {} : { parentId }),
      ...(row.name === null ? {} : { extended: extendedOf(row, row.name, stamps, options) }),
    }
  } catch (cause) {
    return unreadableResult(id, causeOf(cause))
  }
}

function extendedOf(
  { args, kwargs, worker, retries, queue }: ResultRow,
  name: string,
  stamps: More['stamps'],
  options: ReadOptions,
): ExtendedResult {
  const read = (column: Buffer | null): unknown =>
    column === null ? null : decodeJson(column.toString('utf8'), options)
  const [list, fields] = [read(args), read(kwargs)]
  return {
    name,
    // Python stores their text instead when they cannot be written as JSON.
    args: Array.isArray(list) ? list : list === null ? [] : [list],
    kwargs: typeof fields === 'object' && fields !== null ? (fields as ExtendedResult['kwargs']) : {},
    worker: worker ?? '',
    retries: retries ?? 0,
    queue: queue ?? '',
    ...(stamps ? { stamps } : {}),
  }
}

const causeOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
