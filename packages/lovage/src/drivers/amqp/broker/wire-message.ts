import { encodeEnvelope } from '../../../envelope/index.js'
import { MessageError } from '../../../kernel/index.js'
import { encodeJson, type IncomingMessage, type OutgoingMessage, parseTime } from '../../../message/index.js'
import { type AmqpDelivery, type AmqpProperties, UNREADABLE } from '../client/index.js'
import { isFromDelays, queueOfDelay } from './delays.js'
import { ORPHANS } from './orphans.js'

/** How often a holder was lost with a message, for classic queues, which report only whether one was. */
export const REDELIVERIES = 'x-lovage-redeliveries'
/** A message's original exchange, routing key and TTL, saved before a route on which they would be misread, and its destination queue. */
const ROUTE = 'x-lovage-route'
/** How often a quorum queue has delivered a message before. */
const DELIVERY_COUNT = 'x-delivery-count'
/** Headers that the server, or we, add to a message on its way. */
const OF_THE_WAY =
  /^x-(death|first-death-.*|last-death-.*|delivery-count|acquired-count|lovage-(redeliveries|route))$/

/** A message as bytes and properties, as Celery writes it. */
export interface WireMessage {
  readonly body: Buffer | string
  readonly properties: AmqpProperties
}

export function toWire({
  body,
  headers,
  contentType,
  contentEncoding,
  properties,
}: OutgoingMessage): WireMessage {
  const { correlationId, replyTo, deliveryMode, priority, expiration } = properties
  return {
    body,
    properties: {
      contentType,
      contentEncoding,
      headers,
      deliveryMode,
      ...(priority === undefined ? {} : { priority: clamped(priority) }),
      ...(correlationId === null ? {} : { correlationId }),
      ...(replyTo === null ? {} : { replyTo }),
      ...(expiration === undefined || tellsItsEnd(headers) ? {} : { expiration }),
    },
  }
}

/**
 * Whether the worker that receives an expired message reports it. RabbitMQ would drop it from its queue silently, and callers that wait
 * for its result, or for the chord that it is a member of, would wait forever.
 */
const tellsItsEnd = (headers: OutgoingMessage['headers']): boolean => typeof headers.expires === 'string'

/** For a route over other queues: there its TTL would end its delay, and exchange and routing key differ. */
export function forDetour(
  message: OutgoingMessage,
  counts: { readonly redeliveries?: number; readonly delayedFor?: string },
): WireMessage {
  const { redeliveries = 0, delayedFor } = counts
  const { expiration, ...rest } = message.properties
  const keepsExpiration = expiration !== undefined && delayedFor === undefined
  const route = [message.exchange, message.routingKey, expiration ?? null, delayedFor ?? null]
  return toWire({
    ...message,
    properties: keepsExpiration ? { ...rest, expiration } : rest,
    headers: {
      ...message.headers,
      ...(redeliveries > 0 ? { [REDELIVERIES]: redeliveries } : {}),
      [ROUTE]: route,
    },
  })
}

/** The message of a delivery, or why it is not one. */
export function fromWire(delivery: AmqpDelivery, queue: string): IncomingMessage | MessageError {
  const { headers, properties, body, redelivered } = delivery
  if (UNREADABLE in headers)
    return new MessageError('the headers cannot be read', { code: 'LVG_MESSAGE_MALFORMED' })
  const { contentType = '', contentEncoding = 'utf-8', priority } = properties
  const [exchange, routingKey, kept] = routeOf(delivery, queue)
  const expiration = properties.expiration ?? kept
  return {
    headers: ownHeaders(headers),
    body,
    contentType,
    contentEncoding,
    properties: {
      correlationId: properties.correlationId ?? null,
      replyTo: properties.replyTo ?? null,
      deliveryMode: properties.deliveryMode ?? 1,
      ...(priority === undefined ? {} : { priority }),
      ...(expiration === undefined ? {} : { expiration }),
    },
    exchange,
    routingKey,
    redelivered: redelivered || countedRedeliveries(headers) > 0,
  }
}

/** Without those of the way, which few messages have. */
function ownHeaders(headers: AmqpDelivery['headers']): AmqpDelivery['headers'] {
  for (const name in headers)
    if (isOfTheWay(name))
      return Object.fromEntries(Object.entries(headers).filter(([one]) => !isOfTheWay(one)))
  return headers
}

const isOfTheWay = (name: string): boolean => name.startsWith('x-') && OF_THE_WAY.test(name)

function routeOf(
  { headers, exchange, routingKey }: AmqpDelivery,
  queue: string,
): readonly [exchange: string, routingKey: string, expiration?: string] {
  const route = headers[ROUTE]
  if (Array.isArray(route) && typeof route[0] === 'string' && typeof route[1] === 'string')
    return typeof route[2] === 'string' ? [route[0], route[1], route[2]] : [route[0], route[1]]
  return isFromDelays(exchange) || exchange === ORPHANS ? ['', queue] : [exchange, routingKey]
}

/**
 * An orphaned message: the queue that it was for, and why it is not to be run, if so. One that RabbitMQ dropped
 * because it expired is treated as any other expired message.
 */
export function orphanOf({ headers, exchange, routingKey }: AmqpDelivery): {
  readonly queue: string
  readonly fault?: MessageError
} {
  if (isFromDelays(exchange)) {
    const route = headers[ROUTE]
    const [, key, , to] = Array.isArray(route) ? route : []
    const queue = [to, queueOfDelay(routingKey), key].find((name) => typeof name === 'string') ?? ORPHANS
    return { queue, fault: orphaned(`the queue ${queue} was gone when the message was due there`) }
  }
  const deaths = headers['x-death']
  const death: unknown = Array.isArray(deaths) ? deaths[0] : undefined
  const { queue, reason } = isTable(death) ? death : {}
  if (typeof queue !== 'string') return { queue: ORPHANS, fault: orphaned('its queue is unknown') }
  const expiresMs = typeof headers.expires === 'string' ? parseTime(headers.expires) : undefined
  if (reason === 'expired' && expiresMs !== undefined && expiresMs <= Date.now()) return { queue }
  return {
    queue,
    fault: orphaned(
      `RabbitMQ removed the message from the queue ${queue}: ${typeof reason === 'string' ? reason : 'for an unknown reason'}`,
    ),
  }
}

const orphaned = (why: string): MessageError => new MessageError(why, { code: 'LVG_MESSAGE_UNROUTABLE' })

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** How often a holder was lost with it, as far as the message itself records. */
export function countedRedeliveries(headers: AmqpDelivery['headers']): number {
  return whole(headers[REDELIVERIES]) + whole(headers[DELIVERY_COUNT])
}

/** How often a quorum queue has delivered it before. */
export const deliveriesBefore = (headers: AmqpDelivery['headers']): number => whole(headers[DELIVERY_COUNT])

/** Whether its queue counts deliveries itself. */
export const isCountedByQueue = (headers: AmqpDelivery['headers']): boolean => DELIVERY_COUNT in headers

const whole = (value: unknown): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0

const clamped = (priority: number): number => Math.min(Math.max(Math.trunc(priority), 0), 255)

/**
 * The message in kombu's JSON envelope, as brokers without properties keep it: the bytes of a dead letter. The same message yields the same
 * bytes, wherever it has been; a delivery that is not a message yields its body.
 */
export function rawOf(message: IncomingMessage | MessageError, body: Buffer): Buffer | string {
  if (message instanceof MessageError) return body
  const { correlationId } = message.properties
  // The server sorts them when it forwards a message.
  const headers = Object.fromEntries(Object.entries(message.headers).sort(([a], [b]) => (a < b ? -1 : 1)))
  const tag = correlationId ?? (typeof headers.id === 'string' ? headers.id : 'none')
  const write = (all: IncomingMessage['headers']): string =>
    encodeEnvelope({ ...message, headers: all }, envelopePriority, tag)
  try {
    return write(headers)
  } catch {
    // AMQP has values that JSON lacks. The rest of the message is kept.
    return write(Object.fromEntries(Object.entries(headers).filter(([name, value]) => isJson(name, value))))
  }
}

function isJson(name: string, value: unknown): boolean {
  try {
    encodeJson({ [name]: value }, 'headers')
    return true
  } catch {
    return false
  }
}

/** Envelopes use the numbers of kombu's virtual transports, which every reader of dead letters knows. */
const envelopePriority = (priority: number | undefined): number =>
  priority === undefined ? 9 : 9 - Math.min(priority, 9)
