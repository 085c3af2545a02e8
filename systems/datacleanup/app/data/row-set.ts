/**
 * Remembers rows by a hash of 64 bits each, so that millions fit into little memory: 16 to 32 bytes a row. Among a million rows two
 * different ones are taken for the same once in forty million files.
 */
export class RowSet {
  #mask = (1 << 12) - 1
  /** The halves of each hash side by side: finding a place is one miss of the processor's cache, not two. */
  #hashes = new Uint32Array(2 * (this.#mask + 1))
  #size = 0

  /**
   * Those of some rows that are new; they are known from now on. All their places are looked at before the first one is searched: a table
   * of this size is in no cache, and the processor then waits for many of its lines at once instead of one after the other.
   */
  add(rows: readonly (readonly string[])[]): boolean[] {
    const { length } = rows
    while ((this.#size + length) * 2 > this.#mask) this.#grow()
    const keys = new Uint32Array(2 * length)
    for (let at = 0; at < length; at++) hash(rows[at] ?? [], keys, 2 * at)
    // Stored, so that the look is not optimized away.
    const looks = new Uint32Array(length)
    for (let at = 0; at < length; at++)
      looks[at] = this.#hashes[2 * this.#placeOf(keys[2 * at] ?? 0, keys[2 * at + 1] ?? 0)] ?? 0
    return rows.map((_, at) => {
      const isNew = this.#put(keys[2 * at] ?? 0, keys[2 * at + 1] ?? 0)
      if (isNew) this.#size++
      return isNew
    })
  }

  #placeOf(high: number, low: number): number {
    return (high ^ (low >>> 7)) & this.#mask
  }

  #put(high: number, low: number): boolean {
    const hashes = this.#hashes
    let place = this.#placeOf(high, low)
    for (; hashes[2 * place] !== 0; place = (place + 1) & this.#mask)
      if (hashes[2 * place] === high && hashes[2 * place + 1] === low) return false
    hashes[2 * place] = high
    hashes[2 * place + 1] = low
    return true
  }

  #grow(): void {
    const hashes = this.#hashes
    this.#mask = this.#mask * 2 + 1
    this.#hashes = new Uint32Array(2 * (this.#mask + 1))
    for (let at = 0; at < hashes.length; at += 2) {
      const high = hashes[at]
      if (high) this.#put(high, hashes[at + 1] ?? 0)
    }
  }
}

/** Writes the two halves of a row's hash at a place; the first is never zero, which marks a free place. */
function hash(row: readonly string[], to: Uint32Array, place: number): void {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let cell = 0; cell < row.length; cell++) {
    const text = row[cell] ?? ''
    const { length } = text
    let at = 0
    // Four characters at a time. A step is one-to-one, so that a difference is never lost by itself; multiplications move bits up only, the
    // shifts bring them down again, into the other half.
    for (; at + 3 < length; at += 4) {
      high = Math.imul(high ^ (text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)), 2_654_435_761)
      low = Math.imul(low ^ (text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16)), 1_597_334_677)
      high ^= low >>> 15
      low ^= high >>> 13
    }
    for (; at < length; at++) {
      high = Math.imul(high ^ text.charCodeAt(at), 2_654_435_761)
      low ^= high >>> 13
    }
    // No character has this code, so that ['ab', 'c'] and ['a', 'bc'] differ.
    high = Math.imul(high ^ (low >>> 16) ^ 0x1f0001, 2_246_822_507)
    low = Math.imul(low ^ (high >>> 13) ^ 0x1f0001, 3_266_489_909)
  }
  high = Math.imul(high ^ (low >>> 16), 2_246_822_507)
  low = Math.imul(low ^ (high >>> 13), 3_266_489_909)
  to[place] = high >>> 0 || 1
  to[place + 1] = low
}
