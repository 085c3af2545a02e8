import { MessageError, messageOf } from '../kernel/index.js'
import { decompress, tooLarge } from './compression.js'
import { embedWith, laterSteps } from './later-steps.js'
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_INFLATED_BYTES } from './limits.js'
import { BODY_ROOT } from './path.js'
import { headersOfProtocol1, isProtocol1, tripleOfProtocol1 } from './protocol-1.js'
import { type ContentOptions, decodeContent } from './serializer.js'
import { completeHeaders, isFields, malformed } from './task-headers.js'
import { isTruthy } from './truth.js'
import type { Embed, Message, TaskHeaders, TaskMessage, WireSignature } from './types.js'

/** The options for reading a task message. */
export interface DecodeOptions extends ContentOptions {
  /** `messageMaxBytes`: the largest body, as received and decompressed. Default 64 MiB. */
  readonly maxBytes?: number
  /** `messageMaxDecompressedBytes`: the largest decompressed body. Default 16 MiB. */
  readonly maxInflatedBytes?: number
  /** Receives the decompressed size of a compressed body. */
  readonly onInflated?: (bytes: number) => void
}

/** The body of a task message. */
export type TaskBody = Pick<TaskMessage, 'args' | 'kwargs' | 'embed'>

/** The embed of a task without follow-ups. */
export const NO_EMBED: Embed = { callbacks: null, errbacks: null, chain: null, chord: null }

/**
 * Checks and completes the headers of a task message. The body is read only when headers are missing that every protocol 2 producer
 * sends: they may then be in the body (protocol 1). Returns a MessageError for invalid headers; display-only headers (`argsrepr`,
 * `origin`, …) are never a reason to refuse.
 */
export function readHeaders(message: Message, options: DecodeOptions = {}): TaskHeaders | MessageError {
  const { headers } = message
  if ('task' in headers && 'id' in headers && 'retries' in headers) return completeHeaders(headers)
  const content = asValue(() => readContent(message, options))
  if (isProtocol1(content)) return completeHeaders(headersOfProtocol1(headers, content))
  if ('task' in headers) return completeHeaders(headers)
  return content instanceof MessageError ? content : malformed('neither the headers nor the body name a task')
}

/** Decodes and checks the body of a message whose headers were read. Returns a MessageError when it is invalid. */
export function decodeBody(
  message: Message,
  headers: TaskHeaders,
  options: DecodeOptions = {},
): TaskBody | MessageError {
  const body = asValue(() => readTriple(readContent(message, options)))
  if (!(body instanceof MessageError)) return body
  // The error alone should identify the task.
  return new MessageError(body.message, {
    code: body.code,
    details: { ...body.details, task: headers.task, id: headers.id },
    hint: body.hint,
    cause: body.cause,
  })
}

/** `readHeaders` and `decodeBody` in one. */
export function decodeTask(message: Message, options: DecodeOptions = {}): TaskMessage | MessageError {
  const headers = readHeaders(message, options)
  if (headers instanceof MessageError) return headers
  const body = decodeBody(message, headers, options)
  return body instanceof MessageError ? body : { headers, ...body }
}

/** Decompresses and deserializes; throws a MessageError. */
function readContent(message: Message, options: DecodeOptions): unknown {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
  let { body } = message
  // A string's bytes are counted only when they might exceed the limit: a character takes at most three.
  const length =
    typeof body === 'string' && body.length > maxBytes / 3 ? Buffer.byteLength(body) : body.length
  if (length > maxBytes) throw tooLarge(`the body has ${length} bytes, more than ${maxBytes}`, maxBytes)
  const { compression } = message.headers
  if (typeof compression === 'string') {
    const most = Math.min(maxBytes, options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES)
    body = decompress(typeof body === 'string' ? Buffer.from(body) : body, compression, most)
    options.onInflated?.(body.length)
  }
  return decodeContent(body, message.contentType, message.contentEncoding, options, BODY_ROOT)
}

function readTriple(content: unknown): TaskBody {
  const triple = isProtocol1(content) ? tripleOfProtocol1(content) : content
  if (!Array.isArray(triple) || triple.length !== 3) {
    throw malformed('the body is not a list of args, kwargs and embed')
  }
  const [args, kwargs, embed]: readonly unknown[] = triple
  if (!Array.isArray(args)) throw malformed('args is not a list')
  if (!isFields(kwargs)) throw malformed('kwargs is not an object')
  return { args, kwargs, embed: readEmbed(embed) }
}

function readEmbed(embed: unknown): Embed {
  if (embed === null) return NO_EMBED
  if (!isFields(embed)) throw malformed('embed is neither an object nor null')
  const callbacks = readSignatures(embed.callbacks, 'callbacks')
  const errbacks = readSignatures(embed.errbacks, 'errbacks')
  const chord = embed.chord === undefined || embed.chord === null ? null : readSignature(embed.chord, 'chord')
  const later = laterSteps(embed)
  if (later) return embedWith({ callbacks, errbacks, chord }, later)
  return { callbacks, errbacks, chain: readSignatures(embed.chain, 'chain'), chord }
}

function readSignatures(list: unknown, name: string): readonly WireSignature[] | null {
  if (list === undefined || list === null) return null
  if (!Array.isArray(list)) throw malformed(`${name} is neither a list of signatures nor null`)
  return list.map((item) => readSignature(item, name))
}

/** Checks a signature's shape; a missing part gets its default; a Python worker would fail on it after the task ran. */
function readSignature(value: unknown, where: string): WireSignature {
  if (!isFields(value)) throw malformed(`${where} holds something that is not a signature`)
  const {
    task,
    args = [],
    kwargs = {},
    options = {},
    subtask_type: subtaskType = null,
    immutable = false,
  } = value
  if (typeof task !== 'string' || task === '') throw malformed(`${where} holds a signature without a task`)
  const name = task.slice(0, 256)
  if (!Array.isArray(args)) throw malformed(`${where}: the args of ${name} are not a list`)
  if (!isFields(kwargs)) throw malformed(`${where}: the kwargs of ${name} are not an object`)
  if (!isFields(options)) throw malformed(`${where}: the options of ${name} are not an object`)
  if (subtaskType !== null && typeof subtaskType !== 'string') {
    throw malformed(`${where}: the subtask_type of ${name} is neither a string nor null`)
  }
  return { ...value, task, args, kwargs, options, subtask_type: subtaskType, immutable: isTruthy(immutable) }
}

/** Returns anything `read` throws as a MessageError: untrusted input must not stop its reader. */
function asValue<T>(read: () => T): T | MessageError {
  try {
    return read()
  } catch (error) {
    if (error instanceof MessageError) return error
    return malformed(`it cannot be read: ${messageOf(error)}`, {}, error)
  }
}
