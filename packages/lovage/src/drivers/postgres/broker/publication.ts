import { priorityFromWire, priorityToWire } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type MessageError, newId } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import type { PostgresValue } from '../client/index.js'
import type { Ring } from './postgres-doorbell.js'
import { sql } from './statements.js'

/** A message for one queue, with the statement's column names. */
export interface PublishedRow {
  readonly queue: string
  readonly level: number
  /** 0 = now. */
  readonly due_ms: number
  readonly task_id: string | null
  readonly task: string | null
  readonly raw: string
  readonly once_key?: string
  readonly once_ms?: number
}

/** The rows of a message for its queues. The caller must keep an explicit name unique. */
export function rowsOf(message: OutgoingMessage, queues: readonly string[]): readonly PublishedRow[] {
  const { id, task } = message.headers
  const raw = encodeEnvelope(message, priorityToWire, newId())
  return queues.map((queue) => ({
    queue,
    level: priorityToWire(message.properties.priority),
    due_ms: message.dueMs ?? 0,
    task_id: nameOf(id),
    task: nameOf(task),
    raw,
    ...(message.once ? { once_key: message.once.key, once_ms: Math.ceil(message.once.ttlMs) } : {}),
  }))
}

/** PostgreSQL's text type cannot hold NUL. */
const nameOf = (value: unknown): string | null =>
  typeof value === 'string' ? value.replaceAll('\0', '\u2400') : null

/** JSON text never contains this character unescaped. */
const SEPARATOR = '\x1f'

/** The number of a publisher's statement, or none. */
export interface Numbered {
  readonly name: string | null
  readonly number: number | null
}

/** The statement that publishes messages, and its parameters; of those with the same name only the first is published. */
export function publishStatement(
  messages: readonly (readonly PublishedRow[])[],
  { name, number }: Numbered = { name: null, number: null },
): [statement: string, values: readonly PostgresValue[]] {
  const names = new Set<string>()
  const rows: PublishedRow[] = []
  for (const message of messages) {
    const once = message[0]?.once_key
    if (once !== undefined && names.has(once)) continue
    if (once !== undefined) names.add(once)
    rows.push(...message)
  }
  const raws = rows.map(({ raw }) => raw).join(SEPARATOR)
  const [first] = rows
  if (first && rows.every((row) => isAlike(row, first))) {
    const ids = rows.map(({ task_id: id }) => id ?? '').join(SEPARATOR)
    return [sql.publishAlike, [name, number, first.queue, first.level, first.due_ms, first.task, ids, raws]]
  }
  return [sql.publish, [JSON.stringify(rows.map(({ raw: _, ...row }) => row)), raws, name, number]]
}

const isAlike = (row: PublishedRow, first: PublishedRow): boolean =>
  row.queue === first.queue &&
  row.task === first.task &&
  row.level === first.level &&
  row.due_ms === first.due_ms &&
  row.once_key === undefined &&
  !row.task_id?.includes(SEPARATOR)

/** The ring for published rows. */
export function ringOf(rows: readonly PublishedRow[], nowMs: number): Ring {
  const ready = new Set<string>()
  let dueMs: number | undefined
  for (const row of rows) {
    if (row.due_ms <= nowMs) ready.add(row.queue)
    else dueMs = Math.min(dueMs ?? row.due_ms, row.due_ms)
  }
  return { queues: [...ready], ...(dueMs === undefined ? {} : { dueMs }) }
}

/** Reads a row. */
export function messageIn(raw: string, redeliveries: number): IncomingMessage | MessageError {
  const message = decodeEnvelope(raw, priorityFromWire)
  return message instanceof Error || redeliveries === 0 ? message : { ...message, redelivered: true }
}
