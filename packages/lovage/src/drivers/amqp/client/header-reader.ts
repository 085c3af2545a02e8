import type { AmqpProperties } from './frame-writer.js'
import { DEEPEST, type Headers } from './headers.js'

const HEADER_FRAME = 2
const FRAME_END = 0xce
const FRAME_HEAD = 7
const BASIC = 60
/** Class, weight, body size, flags. */
const FIXED_BYTES = 2 + 2 + 8 + 2
/** More flags follow: no version of the protocol uses it. */
const MORE_FLAGS = 1

/** The name under which the bytes of an unreadable table arrive. */
export const UNREADABLE = '?'

/** Entries of a table, and characters of a text, that are compared with those of the message before. */
const MOST_KEPT = 64

const MALFORMED = new Error('malformed')
const NONE: Buffer = Buffer.alloc(0)

/** A content header frame in the client library's form. */
export interface HeaderFrame {
  readonly id: typeof BASIC
  readonly channel: number
  /** Of the body, in bytes. */
  readonly size: number
  readonly fields: AmqpProperties
}

/**
 * Reads the properties of incoming messages instead of the client library, which takes four times as long and gives up its connection for
 * letters that it does not know, such as the specification's `L`, which py-amqp writes. Names, and texts that the message before had in the
 * same place, are compared and not made anew. A table that is unreadable becomes one entry that holds its bytes, so that the message
 * arrives and can be put aside.
 */
export class HeaderReader {
  /** Of the last table and properties, by position. */
  readonly #names: string[] = []
  readonly #texts: string[] = []
  #bytes = NONE
  #at = 0
  #end = 0

  /** Reads the frame at the start of `bytes`; undefined for anything but a complete content header, or one that the library must refuse. */
  read(bytes: Buffer): { readonly frame: HeaderFrame; readonly rest: Buffer } | undefined {
    if (bytes.length < FRAME_HEAD + FIXED_BYTES || bytes[0] !== HEADER_FRAME) return undefined
    const end = FRAME_HEAD + bytes.readUInt32BE(3)
    if (bytes[end] !== FRAME_END || bytes.readUInt16BE(FRAME_HEAD) !== BASIC) return undefined
    this.#bytes = bytes
    this.#at = FRAME_HEAD + FIXED_BYTES
    this.#end = end
    const flags = bytes.readUInt16BE(this.#at - 2)
    if (end < this.#at || (flags & MORE_FLAGS) !== 0) return undefined
    try {
      const frame: HeaderFrame = {
        id: BASIC,
        channel: bytes.readUInt16BE(1),
        size: bytes.readUInt32BE(FRAME_HEAD + 4) * 2 ** 32 + bytes.readUInt32BE(FRAME_HEAD + 8),
        fields: this.#properties(flags),
      }
      return { frame, rest: bytes.subarray(end + 1) }
    } catch (error) {
      if (error === MALFORMED) return undefined
      throw error
    } finally {
      this.#bytes = NONE
    }
  }

  #properties(flags: number): AmqpProperties {
    const read: { -readonly [Name in keyof AmqpProperties]: AmqpProperties[Name] } = {}
    if (flags & 0x8000) read.contentType = this.#short(MOST_KEPT)
    if (flags & 0x4000) read.contentEncoding = this.#short(MOST_KEPT + 1)
    read.headers = flags & 0x2000 ? this.#headers() : {}
    read.deliveryMode = flags & 0x1000 && this.#byte() === 2 ? 2 : 1
    if (flags & 0x0800) read.priority = this.#byte()
    if (flags & 0x0400) read.correlationId = this.#short()
    if (flags & 0x0200) read.replyTo = this.#short(MOST_KEPT + 2)
    if (flags & 0x0100) read.expiration = this.#short(MOST_KEPT + 3)
    return read
  }

  #headers(): Headers {
    const length = this.#uint32()
    const from = this.#at
    this.#skip(length)
    const [end, after] = [this.#end, this.#at]
    this.#at = from
    this.#end = after
    try {
      return this.#table(0)
    } catch (error) {
      if (error !== MALFORMED) throw error
      return { [UNREADABLE]: this.#bytes.subarray(from, after) }
    } finally {
      this.#at = after
      this.#end = end
    }
  }

  /** The table that fills what is left. */
  #table(depth: number): Headers {
    if (depth > DEEPEST) throw MALFORMED
    const read: Record<string, unknown> = {}
    for (let index = 0; this.#at < this.#end; index++) {
      const place = depth === 0 && index < MOST_KEPT ? index : undefined
      const length = this.#byte()
      const name = this.#text(length, this.#names, place)
      const value = this.#value(depth, place)
      // A name that could not be a field.
      if (name !== '__proto__') read[name] = value
    }
    return read
  }

  #value(depth: number, place?: number): unknown {
    if (depth > DEEPEST) throw MALFORMED
    const letter = this.#byte()
    const bytes = this.#bytes
    const at = this.#at
    switch (letter) {
      case 0x53: // S
        return this.#text(this.#uint32(), this.#texts, place)
      case 0x56: // V
        return null
      case 0x49: // I
        return bytes.readInt32BE(this.#skip(4))
      case 0x41: // A
        return this.#within(() => {
          const items: unknown[] = []
          while (this.#at < this.#end) items.push(this.#value(depth + 1))
          return items
        })
      case 0x46: // F
        return this.#within(() => this.#table(depth + 1))
      case 0x74: // t
        return this.#byte() !== 0
      case 0x6c: // l
      case 0x4c: // L
        return Number(bytes.readBigInt64BE(this.#skip(8)))
      case 0x64: // d
        return bytes.readDoubleBE(this.#skip(8))
      case 0x54: // T
        return Number(bytes.readBigUInt64BE(this.#skip(8)))
      case 0x44: // D
        this.#skip(5)
        return bytes.readUInt32BE(at + 1) / 10 ** bytes.readUInt8(at)
      case 0x78: {
        // x
        const length = this.#uint32()
        const from = this.#skip(length)
        return bytes.subarray(from, from + length)
      }
      case 0x62: // b
        return bytes.readInt8(this.#skip(1))
      case 0x42: // B
        return this.#byte()
      case 0x73: // s
        return bytes.readInt16BE(this.#skip(2))
      case 0x75: // u
        return bytes.readUInt16BE(this.#skip(2))
      case 0x69: // i
        return this.#uint32()
      case 0x66: // f
        return bytes.readFloatBE(this.#skip(4))
    }
    throw MALFORMED
  }

  /** Reads what has its length before it. */
  #within<Value>(read: () => Value): Value {
    const length = this.#uint32()
    const from = this.#skip(length)
    const end = this.#end
    this.#at = from
    this.#end = from + length
    const value = read()
    this.#end = end
    return value
  }

  #short(place?: number): string {
    return this.#text(this.#byte(), this.#texts, place)
  }

  /** A text; one that equals the last in its place is that one. */
  #text(length: number, kept: string[], place: number | undefined): string {
    const from = this.#skip(length)
    const bytes = this.#bytes
    if (place === undefined || length > MOST_KEPT) return bytes.toString('utf8', from, from + length)
    const last = kept[place]
    if (last !== undefined && last.length === length) {
      let index = 0
      while (index < length && last.charCodeAt(index) === bytes[from + index]) index++
      if (index === length) return last
    }
    const text = bytes.toString('utf8', from, from + length)
    kept[place] = text
    return text
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)] ?? 0
  }

  #uint32(): number {
    return this.#bytes.readUInt32BE(this.#skip(4))
  }

  /** Passes over so many bytes; returns where they begin. */
  #skip(length: number): number {
    const from = this.#at
    if (from + length > this.#end) throw MALFORMED
    this.#at = from + length
    return from
  }
}
