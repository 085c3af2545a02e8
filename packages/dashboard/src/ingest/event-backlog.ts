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
  /** Kept in memory before a file is used. Default 1 MiB. */
  readonly inMemory?: number
  /** Kept in the file. Default 1 GiB. */
  readonly inFile?: number
}

const MEBI = 1024 * 1024
/** Messages are written to the file, and read from it, at most this many bytes at a time. */
const CHUNK = MEBI
/** Before each message: the lengths of its header and of its body. */
const LENGTHS = 8
const NOTHING = Buffer.alloc(0)

/**
 * Messages of events in the order in which they came. What a burst brings beyond a megabyte waits in a file, so that memory stays small.
 * The file has no name as soon as it is open: it is readable by this process alone, and ends with it.
 */
export class EventBacklog {
  readonly #folder: string
  readonly #inMemory: number
  readonly #inFile: number
  /** The oldest messages; those before `#next` are read. */
  #head: WaitingMessage[] = []
  #next = 0
  /** The chunk that is being read, after the head. */
  #chunk: Buffer = NOTHING
  #chunkAt = 0
  /** Chunks after it: the size of one in the file, or one that could not be written. */
  #chunks: (number | Buffer)[] = []
  #file: number | undefined
  #readAt = 0
  #writeAt = 0
  /**
   * The newest messages. They are copied at once, into a buffer that is used again: thousands of buffers that live for a second would
   * take memory until the next large collection.
   */
  #tail: Buffer = NOTHING
  #tailAt = 0
  /** What chunks are read into. */
  #read: Buffer = NOTHING
  #bytes = 0
  #count = 0
  #failure: unknown

  /** @param folder Where the file is created when it is needed. */
  constructor(folder: string, { inMemory = MEBI, inFile = 1024 * MEBI }: BacklogLimits = {}) {
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
  /** Why the file cannot be written; it is tried again when the backlog has become empty. */
  get failure(): unknown {
    return this.#failure
  }

  push(message: WaitingMessage): void {
    this.#bytes += message.body.length
    this.#count++
    if (this.#bytes <= this.#inMemory && this.#isShort()) this.#head.push(message)
    else this.#append(message)
  }

  /** Takes out the oldest message; the bytes of its body are valid until the next call. */
  shift(): WaitingMessage | undefined {
    const first = this.#head[this.#next]
    if (first) this.#next++
    else if (this.#head.length > 0) {
      this.#head = []
      this.#next = 0
    }
    const message = first ?? this.#ofChunk()
    if (!message) return undefined
    this.#bytes -= message.body.length
    if (--this.#count === 0) this.#clear()
    return message
  }

  /** Drops what waits, and ends the file. */
  close(): void {
    this.#clear()
    this.#chunk = this.#tail = this.#read = NOTHING
  }

  /** Whether nothing waits but the head. */
  #isShort(): boolean {
    return this.#chunkAt >= this.#chunk.length && this.#chunks.length === 0 && this.#tailAt === 0
  }

  #clear(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#failure = undefined
    this.#head = []
    this.#chunks = []
    this.#chunk = NOTHING
    this.#next = this.#chunkAt = this.#readAt = this.#writeAt = this.#tailAt = this.#bytes = this.#count = 0
  }

  #append({ arrivedMs, contentType, contentEncoding, body }: WaitingMessage): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const header = Buffer.from(JSON.stringify([arrivedMs, contentType, contentEncoding, bytes !== body]))
    const length = LENGTHS + header.length + bytes.length
    if (this.#tail.length === 0) this.#tail = Buffer.allocUnsafeSlow(CHUNK)
    if (this.#tailAt + length > CHUNK) this.#spillTail()
    const isLarge = length > CHUNK
    const to = isLarge ? Buffer.allocUnsafeSlow(length) : this.#tail
    const at = this.#tailAt
    to.writeUInt32LE(header.length, at)
    to.writeUInt32LE(bytes.length, at + 4)
    to.set(header, at + LENGTHS)
    to.set(bytes, at + LENGTHS + header.length)
    if (isLarge) this.#spill(to)
    else this.#tailAt += length
  }

  #ofChunk(): WaitingMessage | undefined {
    if (this.#chunkAt >= this.#chunk.length && !this.#nextChunk()) return undefined
    const chunk = this.#chunk
    const at = this.#chunkAt
    const bodyAt = at + LENGTHS + chunk.readUInt32LE(at)
    const endAt = bodyAt + chunk.readUInt32LE(at + 4)
    this.#chunkAt = endAt
    // It was written by `#append`.
    const [arrivedMs, contentType, contentEncoding, isText] = JSON.parse(
      chunk.toString('utf8', at + LENGTHS, bodyAt),
    ) as [number, string, string, boolean]
    const bytes = chunk.subarray(bodyAt, endAt)
    return { arrivedMs, contentType, contentEncoding, body: isText ? bytes.toString() : bytes }
  }

  #nextChunk(): boolean {
    const next = this.#chunks.shift() ?? this.#tailAt
    if (next === 0) return false
    this.#chunkAt = 0
    if (typeof next !== 'number') {
      this.#chunk = next
      return true
    }
    if (this.#read.length < next) this.#read = Buffer.allocUnsafeSlow(Math.max(next, CHUNK))
    this.#chunk = this.#read.subarray(0, next)
    if (this.#file === undefined || this.#readAt === this.#writeAt) {
      this.#tail.copy(this.#read, 0, 0, this.#tailAt)
      this.#tailAt = 0
      return true
    }
    readFully(this.#file, this.#chunk, this.#readAt)
    this.#readAt += next
    if (this.#readAt < this.#writeAt) return true
    ftruncateSync(this.#file)
    this.#readAt = this.#writeAt = 0
    return true
  }

  #spillTail(): void {
    if (this.#tailAt === 0) return
    const isWritten = this.#spill(this.#tail.subarray(0, this.#tailAt))
    if (!isWritten) this.#tail = Buffer.allocUnsafeSlow(CHUNK)
    this.#tailAt = 0
  }

  /** Writes a chunk to the file; one that cannot be written stays in memory. */
  #spill(chunk: Buffer): boolean {
    if (this.#failure === undefined)
      try {
        this.#file ??= openUnnamed(this.#folder)
        writeFully(this.#file, chunk, this.#writeAt)
        this.#writeAt += chunk.length
        this.#chunks.push(chunk.length)
        return true
      } catch (error) {
        this.#failure = error
      }
    this.#chunks.push(chunk)
    return false
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
