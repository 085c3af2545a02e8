import { isUtf8 } from 'node:buffer'
import type { CapturedBody } from '../domain/index.js'

/** Keeps the beginning of a body: chunks up to a number of bytes. */
export class Capture {
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #isTruncated = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Adds a chunk; returns false when no more is needed. */
  take(chunk: Buffer): boolean {
    const room = this.#maxBytes - this.#bytes
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
    this.#bytes += Math.min(chunk.length, room)
    if (chunk.length > room) this.#isTruncated = true
    return !this.#isTruncated
  }

  /** The captured body; null if empty. */
  body(): CapturedBody | null {
    if (this.#bytes === 0) return null
    const bytes = Buffer.concat(this.#chunks)
    const whole = this.#isTruncated ? withoutHalfCharacter(bytes) : bytes
    return isUtf8(whole)
      ? { encoding: 'utf8', text: whole.toString('utf8'), isTruncated: this.#isTruncated }
      : { encoding: 'base64', text: bytes.toString('base64'), isTruncated: this.#isTruncated }
  }
}

/** The cut may split a UTF-8 character: its first bytes, at most three, are dropped. */
function withoutHalfCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes
  }
  return bytes
}
