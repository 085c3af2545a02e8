import { runInNewContext } from 'node:vm'
import { globSource, LovageError, MessageError, newId } from '../kernel/index.js'
import { encodeJson } from './json.js'
import { acceptList, decodeContent } from './serializer.js'
import type { IncomingMessage, Message, OutgoingMessage } from './types.js'

/** Where control requests are broadcast; the first word is `control_exchange`, not an app's name. */
export const CONTROL_EXCHANGE = 'celery.pidbox'
/** Where their answers go. */
export const REPLY_EXCHANGE = `reply.${CONTROL_EXCHANGE}`

/** A remote control request, as Celery's. */
export interface ControlRequest {
  readonly method: string
  /** Named arguments. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** Nodes that are meant; null = whom the pattern matches, or all. */
  readonly destination: readonly string[] | null
  readonly pattern: string | null
  readonly matcher: string | null
  /** Names the question in its answers; null = no answer is wanted. */
  readonly ticket: string | null
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | null
}

const ACCEPT = acceptList(['json', 'msgpack', 'yaml'])
/** Bytes that a request may have: an id list of 50,000 fits. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024
const MAX_PATTERN = 2048
/** Milliseconds after which a regular expression from the wire is given up. */
const MATCH_MS = 50

/** The message of a request. */
export function encodeControlRequest(
  request: Omit<ControlRequest, 'ticket' | 'replyTo'> & Partial<ControlRequest>,
  clock: number,
  expiresMs: number,
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
    ...jsonMessage(body, `arguments of ${method}`, 2),
    headers: { clock, expires: expiresMs / 1000 },
    exchange: CONTROL_EXCHANGE,
    routingKey: '',
  }
}

/** Reads a request that anybody may have sent. */
export function decodeControlRequest(message: IncomingMessage): ControlRequest | MessageError {
  const body = bodyOf(message)
  if (body instanceof MessageError) return body
  const { method, arguments: args, destination, pattern, matcher, ticket, reply_to: replyTo } = body
  if (typeof method !== 'string' || method === '' || method.length > 128)
    return malformed('method is no name')
  if (args !== undefined && args !== null && !isRecord(args)) return malformed('arguments is no object')
  const names = typeof destination === 'string' ? [destination] : (destination ?? null)
  if (names !== null && !(Array.isArray(names) && names.every((name) => typeof name === 'string')))
    return malformed('destination is no list of node names')
  if (pattern !== undefined && pattern !== null && typeof pattern !== 'string')
    return malformed('pattern is no text')
  return {
    method,
    arguments: isRecord(args) ? args : {},
    destination: names !== null && names.length > 0 ? names : null,
    pattern: pattern || null,
    matcher: typeof matcher === 'string' ? matcher : null,
    ...replyAddress(ticket, replyTo),
  }
}

function replyAddress(ticket: unknown, to: unknown): Pick<ControlRequest, 'ticket' | 'replyTo'> {
  if (typeof ticket !== 'string' || !isRecord(to)) return { ticket: null, replyTo: null }
  const { exchange, routing_key: routingKey } = to
  // An answer goes to the exchange of answers alone: a forged address must not make a worker write into a task queue.
  if (exchange !== REPLY_EXCHANGE || typeof routingKey !== 'string' || !/^[\w-]{1,128}$/.test(routingKey))
    return { ticket: null, replyTo: null }
  return { ticket: ticket.slice(0, 128), replyTo: { exchange, routingKey } }
}

/** Whether a node is meant by a request. */
export function isMeant({ destination, pattern, matcher }: ControlRequest, node: string): boolean {
  if (destination) return destination.includes(node)
  if (!pattern || !matcher) return true
  if (pattern.length > MAX_PATTERN) return false
  if (matcher === 'glob') return matches(globSource(pattern), node)
  return matcher === 'pcre' && matches(`^(?:${pattern})`, node)
}

/** An expression that does not end, or is none, matches nobody. */
function matches(source: string, text: string): boolean {
  try {
    const isMatch: unknown = runInNewContext(
      'new RegExp(source).test(text)',
      { source, text },
      { timeout: MATCH_MS },
    )
    return isMatch === true
  } catch {
    return false
  }
}

/** The message that answers a request. */
export function encodeControlReply(
  { ticket, replyTo }: ControlRequest,
  node: string,
  answer: unknown,
  clock: number,
): OutgoingMessage | undefined {
  if (!ticket || !replyTo) return undefined
  return {
    ...jsonMessage({ [node]: answer }, `answer of ${node}`, 1),
    headers: { ticket, clock },
    exchange: replyTo.exchange,
    routingKey: replyTo.routingKey,
  }
}

/** Reads an answer: node name → what it says. */
export function decodeControlReply(
  message: IncomingMessage,
): { readonly ticket: string; readonly answers: Readonly<Record<string, unknown>> } | MessageError {
  const body = bodyOf(message)
  if (body instanceof MessageError) return body
  const { ticket } = message.headers
  return typeof ticket === 'string' ? { ticket, answers: body } : malformed('no ticket')
}

function bodyOf(message: Message): Readonly<Record<string, unknown>> | MessageError {
  if (message.body.length > MAX_REQUEST_BYTES) return malformed(`more than ${MAX_REQUEST_BYTES} bytes`)
  try {
    const body = decodeContent(message.body, message.contentType, message.contentEncoding, {
      accept: ACCEPT,
      integers: 'bigint',
    })
    return isRecord(body) ? body : malformed('the body is no object')
  } catch (error) {
    if (error instanceof LovageError) return malformed(error.message)
    throw error
  }
}

function jsonMessage(body: unknown, root: string, deliveryMode: 1 | 2) {
  return {
    body: encodeJson(body, root),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: { correlationId: newId(), replyTo: null, deliveryMode, priority: 0 },
  }
}

const malformed = (what: string): MessageError =>
  new MessageError(`A control message cannot be read: ${what}`, { code: 'LVG_MESSAGE_MALFORMED' })

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
