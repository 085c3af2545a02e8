import { charsOf } from './id-chars.js'
import type { TaskRecord } from './task-record.js'
import { LONG_PIECE, SHORT_PIECE, TextSketch } from './text-sketch.js'

/** A block is closed when it has this many tasks, or its sketch is too full to be selective. */
const MOST_ROWS = 64
const FEWEST_ROWS = 16
const FULLEST = 0.6

/** The size of its sketches in bytes: with 64 tasks of typical texts, less than a third of the bits are set. */
export const SHORT_BYTES = 512
export const LONG_BYTES = 1024
const MOST_COMMON = 64
/** Texts that many tasks share, texts that few share, and times. */
const COMMON = ['name', 'worker', 'queue', 'state', 'kwargs'] as const
const TEXTS = ['args', 'result', 'exception'] as const
const TIMES = ['sentMs', 'receivedMs', 'startedMs', 'endedMs'] as const

/** A block as a row of a table. */
export type BlockRow = readonly [
  fromKey: number,
  toKey: number,
  rows: number,
  shortFill: number,
  longFill: number,
  minMs: number,
  maxMs: number,
  idChars: number,
  short: ArrayBuffer | Uint8Array,
  long: ArrayBuffer | Uint8Array,
]

/** A range of the history, with the summary that lets searches skip it. */
export class Block {
  readonly fromKey: number
  toKey: number
  rows: number
  /** The earliest and latest time of its tasks. */
  minMs: number
  maxMs: number
  /** The characters of its ids. */
  idChars: number
  /** Sketches of short pieces of its texts, and of long pieces of texts and ids. */
  readonly short: TextSketch
  readonly long: TextSketch
  isDirty = false
  /** Texts shared by many tasks, and already in the sketches. */
  readonly #common = new Set<string>()

  constructor(fromKey: number, kept?: Omit<StoredBlock, 'fromKey'>) {
    this.fromKey = fromKey
    this.toKey = kept?.toKey ?? fromKey
    this.rows = kept?.rows ?? 0
    this.minMs = kept?.minMs ?? Number.MAX_SAFE_INTEGER
    this.maxMs = kept?.maxMs ?? 0
    this.idChars = kept?.idChars ?? 0
    this.short = new TextSketch(SHORT_PIECE, kept?.short ?? new Uint8Array(SHORT_BYTES), kept?.shortFill)
    this.long = new TextSketch(LONG_PIECE, kept?.long ?? new Uint8Array(LONG_BYTES), kept?.longFill)
  }

  get isFull(): boolean {
    return (
      this.rows >= MOST_ROWS ||
      (this.rows >= FEWEST_ROWS && Math.max(this.short.load, this.long.load) > FULLEST)
    )
  }

  /**
   * Adds a new or changed task; its earlier texts stay in the sketch.
   * @param known The task before the change, which the sketches have already.
   */
  add(key: number, record: TaskRecord, known?: TaskRecord): void {
    this.isDirty = true
    if (!known) {
      this.rows++
      this.toKey = Math.max(this.toKey, key)
      this.long.add(record.id)
      this.idChars |= charsOf(record.id)
    }
    for (const field of COMMON) {
      const text = record[field]
      if (text !== null && text !== known?.[field]) this.#addCommon(text)
    }
    for (const field of TEXTS) {
      const text = record[field]
      if (text !== null && text !== known?.[field]) this.#add(text)
    }
    for (const field of TIMES) {
      const ms = record[field]
      if (ms === null) continue
      this.minMs = Math.min(this.minMs, ms)
      this.maxMs = Math.max(this.maxMs, ms)
    }
  }

  #addCommon(text: string): void {
    if (this.#common.has(text)) return
    if (this.#common.size < MOST_COMMON) this.#common.add(text)
    this.#add(text)
  }

  #add(text: string): void {
    this.short.add(text)
    this.long.add(text)
  }
}

/** A block in its stored form. */
export interface StoredBlock {
  readonly fromKey: number
  readonly toKey: number
  readonly rows: number
  readonly shortFill: number
  readonly longFill: number
  readonly minMs: number
  readonly maxMs: number
  readonly idChars: number
  readonly short: Uint8Array<ArrayBuffer>
  readonly long: Uint8Array<ArrayBuffer>
}

/** Reads a row. */
export function blockOf(row: BlockRow): Block {
  const [fromKey, toKey, rows, shortFill, longFill, minMs, maxMs, idChars, short, long] = row
  const kept = { toKey, rows, shortFill, longFill, minMs, maxMs, idChars }
  return new Block(fromKey, { ...kept, short: new Uint8Array(short), long: new Uint8Array(long) })
}
