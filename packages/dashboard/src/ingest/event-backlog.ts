import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { EventMessage } from 'lovage'

/** A message of events that waits to be read. */
export interface WaitingMessage extends EventMessage {
  /** When it arrived, Unix ms. */
  readonly arrivedMs: number
}

/** The limits of a backlog, in bytes of messages. */
export interface BacklogLimits {
  /** Kept in memory before a file is used. Default 4 MiB. */
  readonly inMemory?: number
  /** Kept in the file. Default 1 GiB. */
  readonly inFile?: number
}

const MEBI = 1024 * 1024
/** Messages are written to the file, and read from it, this many bytes at a time. */
const CHUNK = MEBI
/** Before each message: the lengths of its header and of its body. */
const LENGTHS = 8

/**
 * Messages of events in the order in which they came. What a burst brings beyond a few megabytes waits in a file, so that memory stays
 * small. The file has no name as soon as it is open: it is readable by this process alone, and ends with it.
 */
export class EventBacklog {
  readonly #folder: string
  readonly #inMemory: number
  readonly #inFile: number
  /** The oldest messages; those before `#next` are read. */
  #head: WaitingMessage[] = []
  #next = 0
  /** The sizes of the file's chunks, which come after the head. */
  #chunks: number[] = []
  #file: number | undefined
  #readAt = 0
  #writeAt = 0
  /** The newest messages, while there is something in the file. */
  #tail: WaitingMessage[] = []
  #tailBytes = 0
  #bytes = 0
  #count = 0
  /** Why the file cannot be written; it is tried again when the backlog has become empty. */
  #failure: unknown

  /** @param folder Where the file is created when it is needed. */
  constructor(folder: string, { inMemory = 4 * MEBI, inFile = 1024 * MEBI }: BacklogLimits = {}) {
    this.#folder = folder
    this.#inMemory = inMemory
    this.#inFile = inFile
  }

  get count(): number {
    return this.#count
  }
  get bytes(): number {
    return this.#bytes
  }
  /** Whether no more should be added before some are taken. */
  get isFull(): boolean {
    return this.#bytes >= (this.#failure === undefined ? this.#inFile : this.#inMemory)
  }
  get failure(): unknown {
    return this.#failure
  }

  push(message: WaitingMessage): void {
    const { length } = message.body
    this.#bytes += length
    this.#count++
    if (this.#chunks.length === 0 && this.#tail.length === 0 && this.#bytes <= this.#inMemory) {
      this.#head.push(message)
      return
    }
    this.#tail.push(message)
    this.#tailBytes += length
    if (this.#tailBytes >= CHUNK && this.#failure === undefined) this.#spill()
  }

  /** Takes out the oldest message. */
  shift(): WaitingMessage | undefined {
    if (this.#next >= this.#head.length) this.#refill()
    const message = this.#head[this.#next]
    if (!message) return undefined
    this.#next++
    this.#bytes -= message.body.length
    if (--this.#count === 0) this.close()
    return message
  }

  /** Drops what waits, and ends the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#failure = undefined
    this.#head = []
    this.#tail = []
    this.#chunks = []
    this.#next = this.#readAt = this.#writeAt = this.#tailBytes = this.#bytes = this.#count = 0
  }

  #refill(): void {
    this.#next = 0
    const size = this.#chunks.shift()
    if (size === undefined || this.#file === undefined) {
      this.#head = this.#tail
      this.#tail = []
      this.#tailBytes = 0
      return
    }
    const chunk = Buffer.allocUnsafe(size)
    readFully(this.#file, chunk, this.#readAt)
    this.#readAt += size
    this.#head = messagesIn(chunk)
    if (this.#chunks.length > 0) return
    ftruncateSync(this.#file)
    this.#readAt = this.#writeAt = 0
  }

  #spill(): void {
    const chunk = chunkOf(this.#tail)
    try {
      this.#file ??= openUnnamed(this.#folder)
      writeFully(this.#file, chunk, this.#writeAt)
    } catch (error) {
      // They stay in memory.
      this.#failure = error
      return
    }
    this.#writeAt += chunk.length
    this.#chunks.push(chunk.length)
    this.#tail = []
    this.#tailBytes = 0
  }
}

let opened = 0

function openUnnamed(folder: string): number {
  const path = join(folder, `.lovage-events-${process.pid}-${opened++}`)
  const file = openSync(path, 'wx+', 0o600)
  rmSync(path, { force: true })
  return file
}

/** A disk that is nearly full takes less than it is given. */
function writeFully(file: number, chunk: Buffer, at: number): void {
  for (let done = 0; done < chunk.length; )
    done += writeSync(file, chunk, done, chunk.length - done, at + done)
}

function readFully(file: number, chunk: Buffer, at: number): void {
  for (let done = 0; done < chunk.length; ) {
    const read = readSync(file, chunk, done, chunk.length - done, at + done)
    if (read === 0) throw new Error('the file of waiting events has become shorter')
    done += read
  }
}

function chunkOf(messages: readonly WaitingMessage[]): Buffer {
  const parts: Uint8Array[] = []
  for (const { arrivedMs, contentType, contentEncoding, body } of messages) {
    const isText = typeof body === 'string'
    const bytes = isText ? Buffer.from(body) : body
    const header = Buffer.from(JSON.stringify([arrivedMs, contentType, contentEncoding, isText]))
    const lengths = Buffer.allocUnsafe(LENGTHS)
    lengths.writeUInt32LE(header.length)
    lengths.writeUInt32LE(bytes.length, 4)
    parts.push(lengths, header, bytes)
  }
  return Buffer.concat(parts)
}

function messagesIn(chunk: Buffer): WaitingMessage[] {
  const messages: WaitingMessage[] = []
  for (let at = 0; at < chunk.length; ) {
    const bodyAt = at + LENGTHS + chunk.readUInt32LE(at)
    const endAt = bodyAt + chunk.readUInt32LE(at + 4)
    // It was written by `chunkOf`.
    const [arrivedMs, contentType, contentEncoding, isText] = JSON.parse(
      chunk.toString('utf8', at + LENGTHS, bodyAt),
    ) as [number, string, string, boolean]
    const bytes = chunk.subarray(bodyAt, endAt)
    messages.push({ arrivedMs, contentType, contentEncoding, body: isText ? bytes.toString() : bytes })
    at = endAt
  }
  return messages
}
