import { type Block, LONG_BYTES, SHORT_BYTES } from './block.js'
import type { Pieces } from './text-sketch.js'

/** Blocks of a group. */
export const GROUP_BLOCKS = 256
const WORDS = GROUP_BLOCKS / 32

/** A bit for each block of a group. */
export type Bits = Uint32Array

/**
 * Neighbouring blocks, their sketches turned: for each bit of a sketch, the blocks that have it set. What a search looks for is a few of
 * these rows, one after the other in memory, instead of a few bits in each of hundreds of sketches.
 */
export class BlockGroup {
  /** Blocks before it have been removed. */
  start = 0
  readonly fromKeys: number[] = []
  readonly toKeys: number[] = []
  readonly rows: number[] = []
  readonly minMs: number[] = []
  readonly maxMs: number[] = []
  readonly idChars: number[] = []
  readonly #short = new Uint32Array(SHORT_BYTES * 8 * WORDS)
  readonly #long = new Uint32Array(LONG_BYTES * 8 * WORDS)

  get count(): number {
    return this.fromKeys.length
  }
  get isFull(): boolean {
    return this.count >= GROUP_BLOCKS
  }
  /** The key with which it begins, and the last one in it. */
  get fromKey(): number {
    return this.fromKeys[this.start] ?? Number.MAX_SAFE_INTEGER
  }
  get toKey(): number {
    return this.toKeys.at(-1) ?? 0
  }

  /** Adds a block, or what a known one has got since: bits are only ever set. */
  put(place: number, { fromKey, toKey, rows, minMs, maxMs, idChars, short, long }: Block): void {
    this.fromKeys[place] = fromKey
    this.toKeys[place] = toKey
    this.rows[place] = rows
    this.minMs[place] = minMs
    this.maxMs[place] = maxMs
    this.idChars[place] = idChars
    turn(short.bytes, this.#short, place)
    turn(long.bytes, this.#long, place)
  }

  /** The last place whose block begins at a key or before it; -1 when there is none. */
  placeOf(key: number): number {
    let [low, high] = [-1, this.count - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.fromKeys[middle] ?? 0) <= key) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Blocks whose sketch has all of these pieces. */
  withPieces(sketch: 'short' | 'long', pieces: Pieces): Bits {
    const words = sketch === 'short' ? this.#short : this.#long
    const mask = words.length / WORDS - 1
    const bits = new Uint32Array(WORDS).fill(0xffff_ffff)
    for (const hash of pieces) {
      const at = (hash & mask) * WORDS
      let any = 0
      for (let word = 0; word < WORDS; word++) {
        const left = (bits[word] ?? 0) & (words[at + word] ?? 0)
        bits[word] = left
        any |= left
      }
      if (any === 0) break
    }
    return bits
  }

  /** Blocks of which something holds. */
  where(holds: (place: number) => boolean): Bits {
    const bits = new Uint32Array(WORDS)
    for (let place = this.start; place < this.count; place++)
      if (holds(place)) bits[place >> 5] = (bits[place >> 5] ?? 0) | (1 << (place & 31))
    return bits
  }
}

/** Whether a bit is set. */
export const hasBit = (bits: Bits, place: number): boolean =>
  ((bits[place >> 5] ?? 0) & (1 << (place & 31))) !== 0

function turn(bytes: Uint8Array, words: Uint32Array, place: number): void {
  const word = place >> 5
  const bit = 1 << (place & 31)
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at] ?? 0
    while (byte !== 0) {
      const to = (at * 8 + 31 - Math.clz32(byte & -byte)) * WORDS + word
      words[to] = (words[to] ?? 0) | bit
      byte &= byte - 1
    }
  }
}
