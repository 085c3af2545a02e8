import { MessageError, messageOf } from '../kernel/index.js'
import {
  type AcceptList,
  decodeContent,
  type IncomingMessage,
  type OutgoingMessage,
} from '../message/index.js'

/** The exchange of events; a topic exchange where the broker has those. */
export const EVENT_EXCHANGE = 'celeryev'

/** An event, in Celery's spelling. Its other fields depend on its type (`task-succeeded`: `uuid`, `result`, `runtime`). */
export interface Event {
  /** `task-received`, `worker-heartbeat`, … */
  readonly type: string
  /** Name of the node, `name@host`. */
  readonly hostname: string
  /** Unix seconds. */
  readonly timestamp: number
  /** Lamport's clock of the sender. */
  readonly clock?: number
  readonly pid?: number
  readonly [field: string]: unknown
}

/** An event's fields other than type, sender and time: any JSON values. */
export type EventFields = Readonly<Record<string, unknown>>

/**
 * The field by which monitors join a group's tasks, and the body of a chord: our own, which Celery's monitors ignore. Only tasks with a
 * group have it.
 */
export const groupField = (group: unknown): EventFields =>
  typeof group === 'string' ? { group_id: group } : {}

/** The largest message of events, in bytes. */
const MAX_BYTES = 8 * 1024 * 1024

/**
 * Builds the message of already serialized events.
 *
 * @param alone The type of a single event, which is sent under its own routing key; undefined for a batch.
 */
export function eventMessage(
  events: readonly string[],
  alone: string | undefined,
  hostname: string,
): OutgoingMessage {
  return {
    headers: { hostname },
    body: alone === undefined ? `[${events.join(',')}]` : (events[0] ?? '{}'),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: { correlationId: null, replyTo: null, deliveryMode: 1, priority: 0 },
    exchange: EVENT_EXCHANGE,
    routingKey: alone === undefined ? 'task.multi' : alone.replaceAll('-', '.'),
  }
}

/**
 * Reads the events of an untrusted message: an object, or a list under any routing key. Values that are not events are left out. Never
 * throws.
 *
 * @param accept The content types read in addition to JSON. Default: none.
 */
export function decodeEvents(
  message: Pick<IncomingMessage, 'body' | 'contentType' | 'contentEncoding'>,
  accept?: AcceptList,
): readonly Event[] | MessageError {
  if (message.body.length > MAX_BYTES) return unreadable(`more than ${MAX_BYTES} bytes`)
  try {
    const body = decodeContent(message.body, message.contentType, message.contentEncoding, {
      ...(accept ? { accept } : {}),
      integers: 'bigint',
    })
    return [body].flat().filter(isEvent)
  } catch (error) {
    return unreadable(messageOf(error))
  }
}

function isEvent(value: unknown): value is Event {
  if (typeof value !== 'object' || value === null) return false
  const { type, hostname, timestamp } = value as Partial<Record<keyof Event, unknown>>
  return typeof type === 'string' && typeof hostname === 'string' && isTime(timestamp)
}

/** Whether a value is Unix seconds within the years that both languages support. */
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < LATEST
const LATEST = 253_402_300_800

const unreadable = (what: string): MessageError =>
  new MessageError(`An event cannot be read: ${what}`, { code: 'LVG_MESSAGE_MALFORMED' })

/**
 * Checks the name of an event type, which is also a routing key.
 * @throws {TypeError}
 */
export function eventType(type: string): string {
  if (/^[A-Za-z][\w-]{0,127}$/.test(type)) return type
  throw new TypeError(
    `${JSON.stringify(type)} is not a valid event type: letters, digits, - and _, at most 128 characters, the first a letter`,
  )
}
