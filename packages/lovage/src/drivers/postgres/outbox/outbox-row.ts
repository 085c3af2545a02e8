import { priorityFromWire, priorityToWire, type Queue } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type MessageError, newId } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'

/** How long a broker remembers a message of the outbox: longer than the next relay takes to come. */
const ONCE_MS = 900_000

/** A message with the table's column names. */
export interface OutboxRow {
  readonly id: number
  readonly raw: string
  /** Stored separately from the envelope, whose wire format has no absent priority. */
  readonly priority: number | null
  readonly due_ms: number | null
  readonly once_key: string | null
  readonly once_ms: number | null
  readonly queues: string | null
}

/** Messages as the parameter of `put`; the first carries the queues. */
export function rowsParameter(messages: readonly OutgoingMessage[], queues: readonly Queue[]): string {
  return JSON.stringify(
    messages.map((message, index) => ({
      raw: encodeEnvelope(message, priorityToWire, newId()),
      task_id: message.headers.id,
      priority: message.properties.priority ?? null,
      due_ms: message.dueMs ?? null,
      once_key: message.once?.key ?? null,
      once_ms: message.once?.ttlMs ?? null,
      queues: index === 0 && queues.length > 0 ? JSON.stringify(queues) : null,
    })),
  )
}

/** The message of a row, named by the row so that a broker with deduplication (`once`) takes it only once. */
export function messageOf(row: OutboxRow): OutgoingMessage | MessageError {
  const read = decodeEnvelope(row.raw, priorityFromWire)
  if (read instanceof Error) return read
  const { redelivered: _, deliveryTag: __, ...message } = read
  const { priority: ___, ...properties } = message.properties
  return {
    ...message,
    properties: row.priority === null ? properties : { ...properties, priority: row.priority },
    ...(row.due_ms === null ? {} : { dueMs: row.due_ms }),
    once:
      row.once_key === null
        ? { key: `outbox:${row.id}`, ttlMs: ONCE_MS }
        : { key: row.once_key, ttlMs: row.once_ms ?? ONCE_MS },
  }
}

/** The queues to declare before these messages are published. */
export const queuesOf = (rows: readonly OutboxRow[]): readonly Queue[] =>
  // Only `rowsParameter` writes it.
  rows.flatMap(({ queues }) => (queues === null ? [] : (JSON.parse(queues) as Queue[])))
