/** The lengths of a sketch's pieces: long ones give fewer false matches, short ones find short texts. */
export const SHORT_PIECE = 3
export const LONG_PIECE = 6

/**
 * The pieces of text that occur in a block of tasks: a set of hashes with false positives, but no false negatives (a Bloom filter). A
 * search reads only the blocks whose sketches match, so that its cost does not depend on the length of the history. ASCII letters are
 * compared case-insensitively.
 */
export class TextSketch {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly #piece: number
  readonly #mask: number
  /** The number of bits set. */
  fill: number

  /** @param bytes The sketch itself; its length is a power of two. */
  constructor(piece: number, bytes: Uint8Array<ArrayBuffer>, fill = 0) {
    this.bytes = bytes
    this.#piece = piece
    this.#mask = bytes.length * 8 - 1
    this.fill = fill
  }

  /** The fill ratio, 0 to 1. */
  get load(): number {
    return this.fill / (this.#mask + 1)
  }

  add(text: string): void {
    const { bytes } = this
    const piece = this.#piece
    const mask = this.#mask
    // Texts have many forms in memory, and asking each time for the length costs more than the hash.
    const last = text.length - piece
    for (let at = 0; at <= last; at++) {
      const hash = hashOf(text, at, piece) & mask
      const byte = hash >> 3
      const bit = 1 << (hash & 7)
      const old = bytes[byte] ?? 0
      if ((old & bit) === 0) {
        bytes[byte] = old | bit
        this.fill++
      }
    }
  }
}

/** The hashes of pieces. */
export type Pieces = readonly number[]

/** The hashes of a text's pieces; none for a text that is shorter than a piece. */
export function piecesOf(text: string, piece: number): Pieces {
  const hashes = new Set<number>()
  for (let at = 0; at + piece <= text.length; at++) hashes.add(hashOf(text, at, piece))
  return [...hashes]
}

function hashOf(text: string, at: number, length: number): number {
  let hash = 0
  for (let i = at; i < at + length; i++) {
    let code = text.charCodeAt(i)
    if (code >= 65 && code <= 90) code += 32
    hash = Math.imul(hash ^ code, 0x9e37_79b1)
    hash ^= hash >>> 15
  }
  return Math.imul(hash, 0x85eb_ca6b) >>> 12
}
