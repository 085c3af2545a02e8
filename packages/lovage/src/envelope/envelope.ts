import { isUtf8 } from 'node:buffer'
import { MessageError, messageOf } from '../kernel/index.js'
import {
  decodeJson,
  type IncomingMessage,
  isFields,
  isTruthy,
  JsonTemplates,
  type OutgoingMessage,
  reprValue,
} from '../message/index.js'
import { encodeHeaders, shared } from './header-json.js'

/** A message received in kombu's JSON envelope. */
export interface EnvelopeMessage extends IncomingMessage {
  /** Identifies this copy of the message; the key in Redis' `unacked` hash. */
  readonly deliveryTag: string
}

/** Public priority (0–9, higher first, undefined when not given) to the number on the driver's wire. */
export type PriorityToWire = (priority: number | undefined) => number

/** The number on the wire (undefined when there is none) to the public priority. */
export type PriorityFromWire = (priority: number | undefined) => number | undefined

/**
 * Writes the JSON envelope in which kombu's Redis transport, and our SQLite and memory brokers, keep a message
 * (docs/internals/wire.md#the-envelope). `deliveryTag` must be new for every copy. Throws a MessageError when a header cannot be written.
 *
 * @example
 * import { encodeEnvelope, type OutgoingMessage } from 'lovage/driver'
 * const raw = (message: OutgoingMessage, tag: string) => encodeEnvelope(message, (priority = 0) => priority, tag)
 */
export function encodeEnvelope(
  message: OutgoingMessage,
  priorityToWire: PriorityToWire,
  deliveryTag: string,
): string {
  const { properties, body } = message
  // Celery leaves options it does not know in the properties; django-celery-results reads this one there.
  const periodic = message.headers.periodic_task_name
  const periodicName = typeof periodic === 'string' ? `,"periodic_task_name":${JSON.stringify(periodic)}` : ''
  const base64 = typeof body === 'string' ? base64Of(body) : body.toString('base64')
  const expiration =
    properties.expiration === undefined ? '' : `,"expiration":${JSON.stringify(properties.expiration)}`
  return (
    `{"body":"${base64}","content-encoding":${shared(message.contentEncoding)}` +
    `,"content-type":${shared(message.contentType)},"headers":${encodeHeaders(message.headers)}` +
    `,"properties":{"correlation_id":${JSON.stringify(properties.correlationId)}` +
    `,"reply_to":${properties.replyTo === null ? 'null' : shared(properties.replyTo)},"delivery_mode":${properties.deliveryMode}` +
    `,"delivery_info":{"exchange":${shared(message.exchange)}` +
    `,"routing_key":${shared(message.routingKey)}},"priority":${priorityToWire(properties.priority)}` +
    `${expiration}${periodicName},"body_encoding":"base64","delivery_tag":${JSON.stringify(deliveryTag)}}}`
  )
}

/** For short texts, whose buffers would cost more than their encoding. */
const SCRATCH = Buffer.allocUnsafeSlow(4096)

function base64Of(text: string): string {
  // A character of UTF-16 takes at most three bytes.
  if (3 * text.length > SCRATCH.length) return Buffer.from(text).toString('base64')
  return SCRATCH.toString('base64', 0, SCRATCH.write(text))
}

/**
 * Reads an envelope. Never throws: invalid input returns a MessageError (`LVG_MESSAGE_MALFORMED`) that names the wrong part, with
 * `details.deliveryTag` when at least that could be read. Headers keep big integers as BigInt, so that forwarding them loses nothing.
 * `known` is the body, for those who have just written it.
 */
export function decodeEnvelope(
  raw: string | Buffer,
  priorityFromWire: PriorityFromWire,
  known?: Buffer | string,
): EnvelopeMessage | MessageError {
  if (typeof raw !== 'string' && !isUtf8(raw)) return malformed('the envelope is not UTF-8')
  const text = typeof raw === 'string' ? raw : raw.toString('utf8')
  try {
    const value = readAroundBody(text) ?? decodeJson(text, READING, 'envelope', TEMPLATES)
    return isFields(value)
      ? read(value, priorityFromWire, known)
      : malformed('the envelope is not a JSON object')
  } catch (error) {
    // Untrusted input must not end the read loop: any error is this message's fault.
    return malformed(`the envelope cannot be read: ${messageOf(error)}`, undefined, error)
  }
}

/** Messages of one task differ in ids and arguments only. */
const TEMPLATES = new JsonTemplates()
const READING = { integers: 'bigint' } as const

/** Below this length, reading everything costs less than taking it apart. */
const LARGE = 4_000
const BODY = /^\{"body": ?"/

/**
 * The fields of a large envelope whose body stands first and is base64: it is most of the text, and nothing in it has to be read as JSON.
 * Undefined for any other envelope, which is read as a whole.
 */
function readAroundBody(text: string): Fields | undefined {
  const start = text.length < LARGE ? undefined : BODY.exec(text)?.[0]
  if (start === undefined) return undefined
  const end = text.indexOf('"', start.length)
  if (text[end + 1] !== ',') return undefined
  const body = text.slice(start.length, end)
  // `\/`, as some writers have it, is for JSON to read.
  if (body.includes('\\')) return undefined
  try {
    const rest = decodeJson(`{${text.slice(end + 2)}`, READING, 'envelope', TEMPLATES)
    const isBase64 =
      isFields(rest) &&
      rest.body === undefined &&
      isFields(rest.properties) &&
      rest.properties.body_encoding === 'base64'
    return isBase64 ? { ...rest, body } : undefined
  } catch {
    // Reading the whole says what is wrong, and where.
    return undefined
  }
}

function read(
  value: Fields,
  priorityFromWire: PriorityFromWire,
  known: Buffer | string | undefined,
): EnvelopeMessage | MessageError {
  const properties = value.properties
  if (!isFields(properties)) return malformed('the envelope has no properties')
  const deliveryTag = properties.delivery_tag
  if (typeof deliveryTag !== 'string' || deliveryTag === '')
    return malformed('the envelope has no delivery_tag')
  const info = properties.delivery_info
  if (!isFields(info)) return malformed('the envelope has no delivery_info', deliveryTag)
  const { exchange, routing_key: routingKey = '' } = info
  if (typeof exchange !== 'string') return malformed('delivery_info has no exchange', deliveryTag)
  if (typeof routingKey !== 'string') return malformed('the routing_key is not a string', deliveryTag)
  const contentType = value['content-type']
  if (typeof contentType !== 'string') return malformed('the envelope has no content-type', deliveryTag)
  const contentEncoding = value['content-encoding'] ?? 'utf-8'
  if (typeof contentEncoding !== 'string')
    return malformed('the content-encoding is not a string', deliveryTag)
  const headers = value.headers ?? {}
  if (!isFields(headers)) return malformed('the headers are not an object', deliveryTag)
  const body = known ?? decodeBody(value.body, properties.body_encoding)
  if (typeof body === 'object' && 'problem' in body) return malformed(body.problem, deliveryTag)
  const wrong = TEXTS.find((name) => !isTextOrNone(properties[name]))
  if (wrong !== undefined) return malformed(`the property ${wrong} is not text`, deliveryTag)
  const given = numberOf(properties.priority)
  if (given === null) return malformed('the priority is not a number', deliveryTag)
  const priority = priorityFromWire(given)
  const expiration = textOrNull(properties.expiration)
  return {
    headers,
    body,
    contentType,
    contentEncoding,
    properties: {
      correlationId: textOrNull(properties.correlation_id),
      replyTo: textOrNull(properties.reply_to),
      deliveryMode: properties.delivery_mode === 1 ? 1 : 2,
      ...(priority === undefined ? undefined : { priority }),
      ...(expiration === null ? undefined : { expiration }),
    },
    exchange,
    routingKey,
    redelivered: isTruthy(info.redelivered) || isTruthy(headers.redelivered),
    deliveryTag,
  }
}

type Fields = Readonly<Record<string, unknown>>

/** Properties that are text or absent. */
const TEXTS = ['correlation_id', 'reply_to', 'expiration'] as const

/** Numbers are accepted: they have one text form, and other clients write `expiration` as a number. */
function isTextOrNone(value: unknown): boolean {
  return (
    value === undefined || value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
  )
}

/** The text form of a value that `isTextOrNone` accepts. */
function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : value === undefined || value === null ? null : String(value)
}

/** undefined when absent, null when not a number; a value too large for a number becomes the largest one. */
function numberOf(value: unknown): number | undefined | null {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'number' && !Number.isNaN(value) ? value : null
}

function decodeBody(body: unknown, encoding: unknown): Buffer | string | { readonly problem: string } {
  if (typeof body !== 'string') return { problem: 'the envelope has no body' }
  if (encoding === 'base64') return decodeBase64(body) ?? { problem: 'the body is not valid base64' }
  if (encoding === undefined || encoding === null || encoding === 'utf-8') return body
  return { problem: `the body_encoding ${reprValue(encoding, 64)} is not known` }
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === base64Length(text)) return bytes
  // Node skips characters that are not base64, so a shorter result means that some were skipped: only line ends may be.
  const joined = text.replace(/[\r\n]/g, '')
  return bytes.length === base64Length(joined) ? bytes : undefined
}

function base64Length(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return text.length % 4 === 0 ? (text.length / 4) * 3 - padding : -1
}

function malformed(message: string, deliveryTag?: string, cause?: unknown): MessageError {
  return new MessageError(message, {
    code: 'LVG_MESSAGE_MALFORMED',
    ...(deliveryTag === undefined ? {} : { details: { deliveryTag } }),
    cause,
  })
}
