import type { SearchNode, SearchTerm } from '../search/search-node.js'
import { textForms } from '../search/text-forms.js'
import type { TaskRecord } from './task-record.js'
import { LONG_PIECE, SHORT_PIECE, TextSketch } from './text-sketch.js'

/** A block is closed when it has this many tasks, or its sketch is too full to be selective. */
const MOST_ROWS = 128
const FEWEST_ROWS = 16
const FULLEST = 0.6

/** The size of its sketches in bytes: with 128 tasks of typical texts, about a third of the bits are set. */
const SHORT_BYTES = 1024
const LONG_BYTES = 2048
const MOST_COMMON = 64
/** Texts that many tasks share, texts that few share, and times. */
const COMMON = ['name', 'worker', 'queue', 'state', 'kwargs'] as const
const TEXTS = ['args', 'result', 'exception'] as const
const TIMES = ['sentMs', 'receivedMs', 'startedMs', 'endedMs'] as const

/** A range of the history, with the summary that lets searches skip it. */
export class Block {
  readonly fromKey: number
  toKey: number
  rows: number
  /** The earliest and latest time of its tasks. */
  minMs: number
  maxMs: number
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
  readonly short: Uint8Array<ArrayBuffer>
  readonly long: Uint8Array<ArrayBuffer>
}

/** Whether a block may contain a match; false is certain. */
export function mayMatch(node: SearchNode, block: Block): boolean {
  switch (node.kind) {
    case 'all':
      return true
    case 'and':
      return node.of.every((one) => mayMatch(one, block))
    case 'or':
      return node.of.some((one) => mayMatch(one, block))
    case 'not':
      // A block that contains excluded values may have other tasks too.
      return true
    case 'term':
      return termMay(node, block)
  }
}

function termMay({ field, relation, value }: SearchTerm, { short, long, minMs, maxMs }: Block): boolean {
  if (typeof value === 'number') {
    if (relation === 'after') return maxMs >= value
    if (relation === 'before') return minMs <= value
    return true
  }
  if (field === 'id') return long.mayContain(value)
  // They may name a task in another block.
  if (field === 'root' || field === 'parent') return true
  const forms = relation === 'is' ? [value] : textForms(value)
  if (forms.some((form) => long.mayContain(form) && short.mayContain(form))) return true
  return field === 'text' && value.length >= LONG_PIECE && long.mayContain(value)
}
