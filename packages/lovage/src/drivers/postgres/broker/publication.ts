import { priorityFromWire, priorityToWire } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type MessageError, newId } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import type { Ring } from './postgres-doorbell.js'

/** A message for one queue, under the names of the statement's columns. */
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

/** The rows of a message for the queues it goes to. A name that was said is left to the caller to keep unique. */
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

/** PostgreSQL's text holds no NUL. */
const nameOf = (value: unknown): string | null =>
  typeof value === 'string' ? value.replaceAll('\0', '\u2400') : null

/** No JSON text holds this character as it is. */
const SEPARATOR = '\x1f'

/** The parameters of the statement: rows, of those with one name the first message's alone. */
export function publishParameters(
  messages: readonly (readonly PublishedRow[])[],
): [rows: string, raws: string] {
  const names = new Set<string>()
  const rows: Omit<PublishedRow, 'raw'>[] = []
  const raws: string[] = []
  for (const message of messages) {
    const name = message[0]?.once_key
    if (name !== undefined && names.has(name)) continue
    if (name !== undefined) names.add(name)
    for (const { raw, ...row } of message) {
      rows.push(row)
      raws.push(raw)
    }
  }
  return [JSON.stringify(rows), raws.join(SEPARATOR)]
}

/** What consumers are told of rows that were published. */
export function ringOf(rows: readonly PublishedRow[], nowMs: number): Ring {
  const ready = new Set<string>()
  let dueMs: number | undefined
  for (const row of rows) {
    if (row.due_ms <= nowMs) ready.add(row.queue)
    else dueMs = Math.min(dueMs ?? row.due_ms, row.due_ms)
  }
  return { queues: [...ready], ...(dueMs === undefined ? {} : { dueMs }) }
}

/** Reads what is in a row. */
export function messageIn(raw: string, redeliveries: number): IncomingMessage | MessageError {
  const message = decodeEnvelope(raw, priorityFromWire)
  return message instanceof Error || redeliveries === 0 ? message : { ...message, redelivered: true }
}
