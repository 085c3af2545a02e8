import { globSource, MessageError, messageOf, newId, requireLater } from '../kernel/index.js'
import {
  type AcceptList,
  decodeContent,
  getSerializer,
  type IncomingMessage,
  isFields,
  type Message,
  type OutgoingMessage,
  type Serializer,
} from '../message/index.js'

/** The exchange of control requests; the first word is `control_exchange`, not an app's name. */
export const CONTROL_EXCHANGE = 'celery.pidbox'
/** The exchange of their replies. */
export const REPLY_EXCHANGE = `reply.${CONTROL_EXCHANGE}`

/** A remote control request, in Celery's form. */
export interface ControlRequest {
  readonly method: string
  /** Named arguments. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** Target nodes; null = those that the pattern matches, or all. */
  readonly destination: readonly string[] | null
  readonly pattern: string | null
  readonly matcher: string | null
  /** Identifies the request in its replies; null = no reply is wanted. */
  readonly ticket: string | null
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | null
}

/** The largest request in bytes: room for a list of 50,000 ids, and quick to read. */
const MAX_REQUEST_BYTES = 2.5 * 1024 * 1024
const MAX_PATTERN = 2048
const re2 = requireLater<typeof import('re2js')>('re2js')

/** The serializers of control messages; both default to JSON only. */
export interface ControlFormat {
  readonly serializer?: Serializer
  readonly accept?: AcceptList
}

/** Builds the message of a request. */
export function encodeControlRequest(
  request: Omit<ControlRequest, 'ticket' | 'replyTo'> & Partial<ControlRequest>,
  clock: number,
  expiresMs: number,
  { serializer }: ControlFormat = {},
): OutgoingMessage {
  const { method, destination, pattern, matcher, ticket, replyTo } = request
  const body = {
    method,
    arguments: request.arguments,
    destination,
    pattern,
    matcher,
    ...(ticket && replyTo
      ? { ticket, reply_to: { exchange: replyTo.exchange, routing_key: replyTo.routingKey } }
      : {}),
  }
  return {
    ...written(body, `arguments of ${method}`, 2, serializer),
    headers: { clock, expires: expiresMs / 1000 },
    exchange: CONTROL_EXCHANGE,
    routingKey: '',
  }
}

/** Reads an untrusted request. Never throws. */
export function decodeControlRequest(
  message: IncomingMessage,
  format: ControlFormat = {},
): ControlRequest | MessageError {
  const body = bodyOf(message, format)
  if (body instanceof MessageError) return body
  const { method, arguments: args, destination, pattern, matcher, ticket, reply_to: replyTo } = body
  if (typeof method !== 'string' || method === '' || method.length > 128)
    return malformed('method is not a name')
  if (args !== undefined && args !== null && !isFields(args)) return malformed('arguments is not an object')
  const names = typeof destination === 'string' ? [destination] : (destination ?? null)
  if (names !== null && !(Array.isArray(names) && names.every((name) => typeof name === 'string')))
    return malformed('destination is not a list of node names')
  if (pattern !== undefined && pattern !== null && typeof pattern !== 'string')
    return malformed('pattern is not text')
  return {
    method,
    arguments: isFields(args) ? args : {},
    destination: names !== null && names.length > 0 ? names : null,
    pattern: pattern || null,
    matcher: typeof matcher === 'string' ? matcher : null,
    ...replyAddress(ticket, replyTo),
  }
}

function replyAddress(ticket: unknown, to: unknown): Pick<ControlRequest, 'ticket' | 'replyTo'> {
  if (typeof ticket !== 'string' || !isFields(to)) return { ticket: null, replyTo: null }
  const { exchange, routing_key: routingKey } = to
  // Replies go to the reply exchange only: a forged address must not make a worker write into a task queue.
  if (exchange !== REPLY_EXCHANGE || typeof routingKey !== 'string' || !/^[\w-]{1,128}$/.test(routingKey))
    return { ticket: null, replyTo: null }
  return { ticket: ticket.slice(0, 128), replyTo: { exchange, routingKey } }
}

/** Whether a request targets a node. */
export function isMeant({ destination, pattern, matcher }: ControlRequest, node: string): boolean {
  if (destination) return destination.includes(node)
  if (!pattern || !matcher) return true
  if (pattern.length > MAX_PATTERN) return false
  if (matcher === 'glob') return matches(globSource(pattern), node)
  return matcher === 'pcre' && matches(`^(?:${pattern})`, node)
}

/** Matches in time linear in the text, whatever the expression; an invalid one, or one with lookaround, matches nothing. */
function matches(source: string, text: string): boolean {
  try {
    return re2().RE2JS.compile(source).matcher(text).find()
  } catch {
    return false
  }
}

/** The header of a reply that tells processes with one node name apart; Celery ignores it. */
const PROCESS_HEADER = 'x-lovage-process'

/** Builds the reply to a request; `process` says which one replies: `4711@box`. */
export function encodeControlReply(
  { ticket, replyTo }: ControlRequest,
  node: string,
  answer: unknown,
  clock: number,
  { serializer }: ControlFormat = {},
  process?: string,
): OutgoingMessage | undefined {
  if (!ticket || !replyTo) return undefined
  return {
    ...written({ [node]: answer }, `answer of ${node}`, 1, serializer),
    headers: { ticket, clock, ...(process === undefined ? {} : { [PROCESS_HEADER]: process }) },
    exchange: replyTo.exchange,
    routingKey: replyTo.routingKey,
  }
}

/** A reply, read. */
interface ControlReply {
  readonly ticket: string
  /** By node. */
  readonly answers: Readonly<Record<string, unknown>>
  readonly process: string | undefined
}

/** Reads a reply: node name → its answer. Never throws. */
export function decodeControlReply(
  message: IncomingMessage,
  format: ControlFormat = {},
): ControlReply | MessageError {
  const body = bodyOf(message, format)
  if (body instanceof MessageError) return body
  const { ticket, [PROCESS_HEADER]: process } = message.headers
  if (typeof ticket !== 'string') return malformed('no ticket')
  return { ticket, answers: body, process: typeof process === 'string' ? process.slice(0, 128) : undefined }
}

function bodyOf(
  message: Message,
  { accept }: ControlFormat,
): Readonly<Record<string, unknown>> | MessageError {
  if (message.body.length > MAX_REQUEST_BYTES) return malformed(`more than ${MAX_REQUEST_BYTES} bytes`)
  try {
    const body = decodeContent(message.body, message.contentType, message.contentEncoding, {
      ...(accept ? { accept } : {}),
      integers: 'bigint',
    })
    return isFields(body) ? body : malformed('the body is not an object')
  } catch (error) {
    return malformed(messageOf(error), error)
  }
}

function written(
  body: unknown,
  root: string,
  deliveryMode: 1 | 2,
  { encode, contentType, contentEncoding }: Serializer = getSerializer('json'),
) {
  return {
    body: encode(body, root),
    contentType,
    contentEncoding,
    properties: { correlationId: newId(), replyTo: null, deliveryMode, priority: 0 },
  }
}

const malformed = (what: string, cause?: unknown): MessageError =>
  new MessageError(`A control message cannot be read: ${what}`, { code: 'LVG_MESSAGE_MALFORMED', cause })
