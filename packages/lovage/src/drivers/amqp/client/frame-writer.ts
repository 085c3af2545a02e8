import { MessageError } from '../../../kernel/index.js'
import { DEEPEST, type Headers } from './headers.js'

/** A message as it is written to a server. */
export interface AmqpPublication {
  readonly exchange: string
  readonly routingKey: string
  /** A string stands for its UTF-8 bytes. */
  readonly body: Buffer | string
  readonly properties: AmqpProperties
  /** Whether the server returns it when no queue takes it. Default false: it is dropped then. */
  readonly mandatory?: boolean
}

/** The AMQP basic properties that Celery uses. */
export interface AmqpProperties {
  readonly contentType?: string
  readonly contentEncoding?: string
  /** Written so that Python reads the same values: see `writeTable`. */
  readonly headers?: Headers
  /** 2 = survives a restart of the server. */
  readonly deliveryMode?: 1 | 2
  readonly priority?: number
  readonly correlationId?: string
  readonly replyTo?: string
  /** Milliseconds, as a decimal string. */
  readonly expiration?: string
}

const METHOD = 1
const HEADER = 2
const BODY = 3
const FRAME_END = 0xce
/** Type, channel and length before a frame's payload, the end after it. */
const FRAME_BYTES = 8
const BASIC = 60
const PUBLISH = 40
const MANDATORY = 1

const CHUNK_BYTES = 128 * 1024
/** Larger bodies are passed to the socket as they are. */
const COPIED_BYTES = 16 * 1024
/** Up to this length a loop over the characters is faster than a call into the engine. */
const SHORT = 32

const INT32 = 2 ** 31
const INT64 = 2n ** 63n

/** A writer's state at some moment. */
export interface FrameMark {
  readonly chunk: Buffer<ArrayBuffer>
  readonly taken: number
  readonly at: number
  readonly full: number
}

/**
 * Writes publications as AMQP frames, one after the other into large buffers, for one write to the socket. The client library makes three
 * buffers of each message and moves them through two streams, which takes longer than all the rest of publishing.
 */
export class FrameWriter {
  readonly #channel: number
  /** The largest frame that the server accepts. */
  readonly #frameMax: number
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** Start of the untaken bytes, start of the message being written, and the write position. */
  #taken = 0
  #from = 0
  #at = 0
  #full: Buffer[] = []

  constructor(channel: number, frameMax: number) {
    this.#channel = channel
    this.#frameMax = frameMax
  }

  /**
   * Adds a message. When it throws, `reset` removes what was written of it.
   * @throws {MessageError} LVG_MESSAGE_TOO_LARGE for headers that do not fit in a frame; LVG_MESSAGE_UNSERIALISABLE for a name or property
   * longer than AMQP's 255 bytes.
   */
  add({ exchange, routingKey, body, properties, mandatory = false }: AmqpPublication): void {
    this.#from = this.#at
    this.#method(exchange, routingKey, mandatory)
    const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    this.#header(properties, bodyBytes)
    if (bodyBytes > 0) this.#body(body, bodyBytes)
  }

  /** The current state, for `reset`. */
  mark(): FrameMark {
    return { chunk: this.#chunk, taken: this.#taken, at: this.#at, full: this.#full.length }
  }

  /** Discards everything added since. */
  reset({ chunk, taken, at, full }: FrameMark): void {
    this.#chunk = chunk
    this.#taken = taken
    this.#from = at
    this.#at = at
    this.#full.length = full
  }

  /** Returns everything added since the last call, in order. */
  take(): readonly Buffer[] {
    this.#cut()
    const taken = this.#full
    this.#full = []
    return taken
  }

  #method(exchange: string, routingKey: string, mandatory: boolean): void {
    const start = this.#begin(METHOD)
    this.#room(6)
    this.#uint16(BASIC)
    this.#uint16(PUBLISH)
    this.#uint16(0)
    this.#short(exchange, 'exchange')
    this.#short(routingKey, 'routing key')
    this.#room(1)
    this.#chunk[this.#at++] = mandatory ? MANDATORY : 0
    this.#end(start)
  }

  #header(properties: AmqpProperties, bodyBytes: number): void {
    const { contentType, contentEncoding, headers, deliveryMode, priority } = properties
    const { correlationId, replyTo, expiration } = properties
    const start = this.#begin(HEADER)
    this.#room(14)
    this.#uint16(BASIC)
    this.#uint16(0)
    this.#uint32(0)
    this.#uint32(bodyBytes)
    this.#uint16(
      (contentType === undefined ? 0 : 0x8000) |
        (contentEncoding === undefined ? 0 : 0x4000) |
        (headers === undefined ? 0 : 0x2000) |
        (deliveryMode === undefined ? 0 : 0x1000) |
        (priority === undefined ? 0 : 0x0800) |
        (correlationId === undefined ? 0 : 0x0400) |
        (replyTo === undefined ? 0 : 0x0200) |
        (expiration === undefined ? 0 : 0x0100),
    )
    if (contentType !== undefined) this.#short(contentType, 'content type')
    if (contentEncoding !== undefined) this.#short(contentEncoding, 'content encoding')
    if (headers !== undefined) this.#table(headers)
    this.#room(2)
    if (deliveryMode !== undefined) this.#chunk[this.#at++] = deliveryMode
    if (priority !== undefined) this.#chunk[this.#at++] = priority
    if (correlationId !== undefined) this.#short(correlationId, 'correlation id')
    if (replyTo !== undefined) this.#short(replyTo, 'reply_to')
    if (expiration !== undefined) this.#short(expiration, 'expiration')
    const bytes = this.#end(start)
    if (bytes > this.#frameMax)
      throw new MessageError(
        `the headers take ${bytes} bytes, and RabbitMQ accepts at most ${this.#frameMax} (frame_max)`,
        {
          code: 'LVG_MESSAGE_TOO_LARGE',
          hint: 'Send a reference instead, or raise frame_max in rabbitmq.conf.',
        },
      )
  }

  #body(body: Buffer | string, bytes: number): void {
    const most = this.#frameMax - FRAME_BYTES
    if (typeof body === 'string' && bytes <= Math.min(COPIED_BYTES, most)) {
      const start = this.#begin(BODY)
      this.#room(bytes)
      this.#text(body, bytes)
      this.#end(start)
      return
    }
    const all = typeof body === 'string' ? Buffer.from(body) : body
    for (let offset = 0; offset < bytes; offset += most) {
      const part = all.subarray(offset, offset + most)
      this.#room(FRAME_BYTES - 1)
      this.#frameHead(BODY, part.length)
      if (part.length <= COPIED_BYTES) {
        this.#room(part.length)
        this.#at += part.copy(this.#chunk, this.#at)
      } else {
        this.#cut()
        this.#full.push(part)
      }
      this.#room(1)
      this.#chunk[this.#at++] = FRAME_END
    }
  }

  /**
   * A field table. py-amqp reads it by the type letters of the AMQP specification: RabbitMQ's `s` (int16) is a short string there, and `b`
   * (int8) is unsigned, so every integer is written as 32 or 64 bits, and every other number as a double, which both agree on. 64-bit
   * integers are unsigned in Python too: a negative number that needs them is a double.
   */
  #table(table: Headers, depth = 0): void {
    const start = this.#reserve()
    for (const name in table) {
      const value = table[name]
      if (value === undefined) continue
      this.#short(name, 'name of a header')
      this.#value(value, depth)
    }
    this.#length(start)
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string': {
        this.#letter('S')
        if (value.length <= SHORT) {
          const start = this.#reserve()
          this.#room(value.length * 3)
          this.#shortText(value)
          this.#length(start)
          return
        }
        const bytes = Buffer.byteLength(value)
        this.#room(4 + bytes)
        this.#uint32(bytes)
        this.#text(value, bytes)
        return
      }
      case 'number':
        return this.#number(value)
      case 'bigint':
        if (Number.isSafeInteger(Number(value))) return this.#number(Number(value))
        // Beyond that only text is lossless.
        if (value <= 0n || value >= INT64) return this.#value(String(value), depth)
        this.#letter('l')
        this.#room(8)
        this.#at = this.#chunk.writeBigInt64BE(value, this.#at)
        return
      case 'boolean':
        this.#letter('t')
        this.#room(1)
        this.#chunk[this.#at++] = value ? 1 : 0
        return
      case 'object':
        if (value !== null) return this.#object(value, depth + 1)
    }
    // Values that JSON lacks are written as null.
    this.#letter('V')
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= -INT32 && value < INT32) {
      this.#letter('I')
      this.#room(4)
      this.#uint32(value)
    } else if (Number.isSafeInteger(value) && value > 0) {
      this.#letter('l')
      this.#room(8)
      this.#uint32(Math.floor(value / 2 ** 32))
      this.#uint32(value % 2 ** 32)
    } else {
      // Erlang has no such floats: the server would close the connection, and with it everything in flight.
      if (!Number.isFinite(value))
        throw new MessageError(`a header is ${value}, which RabbitMQ cannot read`, {
          code: 'LVG_MESSAGE_UNSERIALISABLE',
        })
      this.#letter('d')
      this.#room(8)
      this.#at = this.#chunk.writeDoubleBE(value, this.#at)
    }
  }

  #object(value: object, depth: number): void {
    if (depth > DEEPEST)
      throw new MessageError(`the headers are nested more than ${DEEPEST} levels deep`, {
        code: 'LVG_MESSAGE_UNSERIALISABLE',
      })
    if (Buffer.isBuffer(value)) {
      this.#letter('x')
      this.#room(4 + value.length)
      this.#uint32(value.length)
      this.#at += value.copy(this.#chunk, this.#at)
    } else if (Array.isArray(value)) {
      this.#letter('A')
      const start = this.#reserve()
      for (const item of value) this.#value(item, depth)
      this.#length(start)
    } else if (value instanceof Date) {
      this.#letter('T')
      this.#room(8)
      this.#at = this.#chunk.writeBigInt64BE(BigInt(Math.floor(value.getTime() / 1000)), this.#at)
    } else {
      this.#letter('F')
      // Other objects are written by their fields, as JSON does.
      this.#table(value as Headers, depth)
    }
  }

  /** Ensures room for so many bytes, keeping the message in one piece. */
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return
    const begun = this.#at - this.#from
    const next = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, 2 * (begun + bytes)))
    this.#chunk.copy(next, 0, this.#from, this.#at)
    if (this.#from > this.#taken) this.#full.push(this.#chunk.subarray(this.#taken, this.#from))
    this.#chunk = next
    this.#taken = 0
    this.#from = 0
    this.#at = begun
  }

  /** Ends the current buffer: later bytes go out after it. */
  #cut(): void {
    if (this.#at > this.#taken) this.#full.push(this.#chunk.subarray(this.#taken, this.#at))
    this.#taken = this.#at
    this.#from = this.#at
  }

  /** Begins a frame; positions are relative to the start of the message, which may move. */
  #begin(type: number): number {
    this.#room(FRAME_BYTES - 1)
    this.#frameHead(type, 0)
    return this.#at - this.#from
  }

  #frameHead(type: number, length: number): void {
    this.#chunk[this.#at++] = type
    this.#uint16(this.#channel)
    this.#uint32(length)
  }

  /** Ends a frame; returns its bytes. */
  #end(start: number): number {
    const length = this.#length(start)
    this.#room(1)
    this.#chunk[this.#at++] = FRAME_END
    return length + FRAME_BYTES
  }

  #reserve(): number {
    this.#room(4)
    this.#at += 4
    return this.#at - this.#from
  }

  /** Writes a length into its reserved place, right before `start`. */
  #length(start: number): number {
    const at = this.#from + start
    const length = this.#at - at
    const chunk = this.#chunk
    chunk[at - 4] = length >>> 24
    chunk[at - 3] = length >>> 16
    chunk[at - 2] = length >>> 8
    chunk[at - 1] = length
    return length
  }

  #short(text: string, what: string): void {
    this.#room(1 + text.length * 3)
    const at = this.#at++
    if (text.length <= SHORT) this.#shortText(text)
    else this.#at += this.#chunk.write(text, this.#at)
    const bytes = this.#at - at - 1
    if (bytes > 255)
      throw new MessageError(
        `the ${what} has ${bytes} bytes, and AMQP allows at most 255: ${text.slice(0, 40)}…`,
        {
          code: 'LVG_MESSAGE_UNSERIALISABLE',
        },
      )
    this.#chunk[at] = bytes
  }

  #shortText(text: string): void {
    const chunk = this.#chunk
    let at = this.#at
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) {
        this.#at += chunk.write(text, this.#at)
        return
      }
      chunk[at++] = code
    }
    this.#at = at
  }

  #text(text: string, bytes: number): void {
    // One byte per character: nothing to encode.
    this.#chunk.write(text, this.#at, bytes === text.length ? 'latin1' : 'utf8')
    this.#at += bytes
  }

  #letter(letter: string): void {
    this.#room(1)
    this.#chunk[this.#at++] = letter.charCodeAt(0)
  }

  #uint16(value: number): void {
    this.#chunk[this.#at++] = value >>> 8
    this.#chunk[this.#at++] = value
  }

  #uint32(value: number): void {
    this.#chunk[this.#at++] = value >>> 24
    this.#chunk[this.#at++] = value >>> 16
    this.#chunk[this.#at++] = value >>> 8
    this.#chunk[this.#at++] = value
  }
}
