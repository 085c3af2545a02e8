import { producerOrigin } from '../kernel/index.js'
import { compress, tooLarge } from './compression.js'
import { encodeJson, type JsonTypes } from './json.js'
import { refuseLongIntegers, unserialisable } from './json-writer.js'
import { bodyWith, type LaterSteps, laterSteps } from './later-steps.js'
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_INFLATED_BYTES } from './limits.js'
import { BODY_ROOT } from './path.js'
import { reprArgs, reprKwargs } from './repr.js'
import { getSerializer, type Serializer } from './serializer.js'
import {
  type HeadersInWork,
  isStandardHeader,
  malformed,
  NO_LIMITS,
  NO_STAMPS,
  SENT_HEADER,
} from './task-headers.js'
import { NO_EMBED } from './task-message.js'
import { formatTime, parseTime } from './times.js'
import type { Embed, OutgoingMessage } from './types.js'

/** A fully resolved task call, as it goes into its message. Absent options take Celery's defaults. */
export interface TaskCall {
  readonly task: string
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** What follows the task; default nothing. */
  readonly embed?: Partial<Embed>
  /** Earliest run time; a string must be ISO 8601 and is sent unchanged. */
  readonly eta?: Date | string | null
  /** Latest run time; also becomes the `expiration` property. */
  readonly expires?: Date | string | null
  /** Attempts so far; default 0. */
  readonly retries?: number
  /** Seconds, hard limit first. */
  readonly timeLimit?: readonly [hard: number | null, soft: number | null]
  readonly shadow?: string | null
  readonly group?: string | null
  readonly groupIndex?: number | null
  /** Default: the task's own id. */
  readonly rootId?: string | null
  readonly parentId?: string | null
  /** Default `gen<pid>@<host>`. */
  readonly origin?: string
  /** null leaves it to the task's own setting, where it runs. */
  readonly ignoreResult?: boolean | null
  readonly replacedTaskNesting?: number
  readonly stampedHeaders?: readonly string[] | null
  readonly stamps?: Readonly<Record<string, unknown>>
  /** The user's own headers; protocol headers are not allowed among them. */
  readonly headers?: Readonly<Record<string, unknown>>
  /** Send time in Unix ms; default: not sent. */
  readonly sentMs?: number
  /** Shown in logs and monitors in place of the arguments, for instance to hide secrets. */
  readonly argsRepr?: string
  readonly kwargsRepr?: string
  /** Default: the task's id. */
  readonly correlationId?: string | null
  readonly replyTo?: string | null
  /** Public scale 0–9, higher first. */
  readonly priority?: number
  readonly deliveryMode?: 1 | 2
  /** Default `''`, with which `routingKey` is the queue's name. */
  readonly exchange?: string
  readonly routingKey: string
  /** See `OutgoingMessage.dueMs`. */
  readonly dueMs?: number
}

/** The options for writing a message. */
export interface EncodeOptions {
  /** A name or content type, or a serializer; default `json`. */
  readonly serializer?: string | Serializer
  /** A name or content type; default none. */
  readonly compression?: string | null
  /** `plain` for fleets with Celery before 5.3, which has no typed values. Default `typed`. */
  readonly jsonTypes?: JsonTypes
  /** `messageMaxBytes`: the largest body, before and after compression. Default 64 MiB. */
  readonly maxBytes?: number
  /** `messageMaxDecompressedBytes`: a body that is larger is not compressed. Default 16 MiB. */
  readonly maxInflatedBytes?: number
  /** `number` refuses a BigInt, in arguments or later steps, that the message's reader would refuse. Default `bigint`. */
  readonly integers?: 'number' | 'bigint'
  /** Of tasks for which this is true, the arguments are held to `number` also where they are a later step. Default: none. */
  readonly readsNumbers?: (task: string) => boolean
  /** The time, in Unix ms, from which `expiration` counts. */
  readonly nowMs: number
}

const EMPTY_EMBED = JSON.stringify(NO_EMBED)
/** Cached: neither the process id nor the host changes, and reading the host is a system call. */
const OWN_ORIGIN = producerOrigin()

/**
 * Builds the message of a task call (protocol 2). Throws a MessageError when a value cannot be written (`LVG_MESSAGE_UNSERIALISABLE`,
 * with its path) or the body is too large (`LVG_MESSAGE_TOO_LARGE`), and a ConfigurationError for an unknown serializer or compression.
 */
export function encodeTask(call: TaskCall, options: EncodeOptions): OutgoingMessage {
  const expires = wireTime(call.expires, 'expires')
  const headers: HeadersInWork = {
    lang: 'js',
    task: call.task,
    id: call.id,
    shadow: call.shadow ?? null,
    eta: wireTime(call.eta, 'eta'),
    expires,
    group: call.group ?? null,
    group_index: call.groupIndex ?? null,
    retries: call.retries ?? 0,
    timelimit: call.timeLimit ?? NO_LIMITS,
    root_id: call.rootId ?? call.id,
    parent_id: call.parentId ?? null,
    argsrepr: call.argsRepr ?? reprArgs(call.args),
    kwargsrepr: call.kwargsRepr ?? reprKwargs(call.kwargs),
    origin: call.origin ?? OWN_ORIGIN,
    ignore_result: call.ignoreResult === undefined ? false : call.ignoreResult,
    replaced_task_nesting: call.replacedTaskNesting ?? 0,
    stamped_headers: call.stampedHeaders ?? null,
    stamps: call.stamps ?? NO_STAMPS,
  }
  if (call.sentMs !== undefined) headers[SENT_HEADER] = call.sentMs
  if (call.headers !== undefined) addCustom(headers, call.headers)

  const { serializer: wanted = 'json' } = options
  const serializer = typeof wanted === 'string' ? getSerializer(wanted) : wanted
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
  let body = encodeBody(call, serializer, options)
  checkSize(body, maxBytes, call)
  const most = options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES
  // A body too large for its reader to decompress is sent uncompressed.
  if (options.compression !== undefined && options.compression !== null && sizeOf(body) <= most) {
    const compressed = compress(body, options.compression)
    body = compressed.body
    headers.compression = compressed.contentType
    checkSize(body, maxBytes, call)
  }
  const message: OutgoingMessage = {
    headers,
    body,
    contentType: serializer.contentType,
    contentEncoding: serializer.contentEncoding,
    properties: {
      correlationId: call.correlationId === undefined ? call.id : call.correlationId,
      replyTo: call.replyTo ?? null,
      deliveryMode: call.deliveryMode ?? 2,
      ...(call.priority === undefined ? undefined : { priority: call.priority }),
      ...(expires === null ? undefined : { expiration: expirationOf(expires, options.nowMs) }),
    },
    exchange: call.exchange ?? '',
    routingKey: call.routingKey,
  }
  return call.dueMs === undefined ? message : { ...message, dueMs: call.dueMs }
}

function encodeBody(call: TaskCall, serializer: Serializer, options: EncodeOptions): string | Buffer {
  const { jsonTypes: types, integers, readsNumbers } = options
  const { args, kwargs } = call
  const later = serializer.name === 'json' && call.embed ? laterSteps(call.embed) : undefined
  if (later) return bodyAround(call, later, options)
  const embed = call.embed === undefined ? undefined : { ...NO_EMBED, ...call.embed }
  if (integers === 'number' && serializer.name !== 'json')
    refuseLongIntegers([args, kwargs, embed], BODY_ROOT)
  else if (readsNumbers)
    for (const [place, step] of (embed?.chain ?? []).entries())
      if (readsNumbers(step.task))
        refuseLongIntegers({ args: step.args, kwargs: step.kwargs }, 'embed', ['chain', place])
  if (serializer.name !== 'json')
    return serializer.encode([args, kwargs, embed ?? NO_EMBED], BODY_ROOT, types)
  const embedText = embed === undefined ? EMPTY_EMBED : encodeJson(embed, 'embed', types, integers)
  return `[${encodeJson(args, 'args', types, integers)},${encodeJson(kwargs, 'kwargs', types, integers)},${embedText}]`
}

/** What is passed on as it came holds nothing that has to be written or refused; the rest is in the order of `NO_EMBED`. */
function bodyAround(call: TaskCall, later: LaterSteps, { jsonTypes, integers }: EncodeOptions): string {
  const { callbacks, errbacks, chord } = call.embed ?? {}
  const json = (value: unknown, root: string): string => encodeJson(value ?? null, root, jsonTypes, integers)
  const parts = `[${json(call.args, 'args')},${json(call.kwargs, 'kwargs')}`
  const before = `${parts},{"callbacks":${json(callbacks, 'embed')},"errbacks":${json(errbacks, 'embed')},"chain":`
  return bodyWith(before, later, `,"chord":${json(chord, 'embed')}}]`)
}

function addCustom(headers: Record<string, unknown>, custom: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(custom)) {
    if (isStandardHeader(name) || name === '__proto__') {
      throw unserialisable(
        'this header belongs to the protocol',
        'headers',
        [name],
        'Give your header another name.',
      )
    }
    headers[name] = custom[name]
  }
}

function wireTime(time: Date | string | null | undefined, name: string): string | null {
  if (time === undefined || time === null) return null
  if (typeof time === 'string') {
    if (parseTime(time) !== undefined) return time
    throw malformed(`${name} is not an ISO 8601 time: ${time.slice(0, 64)}`)
  }
  try {
    return formatTime(time)
  } catch {
    throw unserialisable('not a time between the years 1 and 9999', name, [])
  }
}

function expirationOf(expires: string, nowMs: number): string {
  return String(Math.max(0, Math.trunc((parseTime(expires) ?? nowMs) - nowMs)))
}

const sizeOf = (body: string | Buffer): number =>
  typeof body === 'string' ? Buffer.byteLength(body) : body.length

function checkSize(body: string | Buffer, maxBytes: number, call: TaskCall): void {
  // A string's bytes are counted only when they might exceed the limit: a character takes at most three.
  if (body.length <= maxBytes / 3) return
  const length = sizeOf(body)
  if (length <= maxBytes) return
  throw tooLarge(`the message of ${call.task} has ${length} bytes, more than ${maxBytes}`, maxBytes)
}
