/**
 * Remembers rows by a hash of 64 bits each, so that millions fit into little memory: about 12 bytes a row. Among a million rows two
 * different ones are taken for the same once in forty million files.
 */
export class RowSet {
  #mask = (1 << 12) - 1
  #highs = new Uint32Array(this.#mask + 1)
  #lows = new Uint32Array(this.#mask + 1)
  #size = 0

  /** Whether it is new; it is known from now on. */
  add(row: readonly string[]): boolean {
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
    // Zero marks a free place.
    if (!this.#put(high >>> 0 || 1, low >>> 0)) return false
    if (++this.#size * 4 > this.#mask * 3) this.#grow()
    return true
  }

  #put(high: number, low: number): boolean {
    const highs = this.#highs
    let place = (high ^ (low >>> 7)) & this.#mask
    for (; highs[place] !== 0; place = (place + 1) & this.#mask)
      if (highs[place] === high && this.#lows[place] === low) return false
    highs[place] = high
    this.#lows[place] = low
    return true
  }

  #grow(): void {
    const [highs, lows] = [this.#highs, this.#lows]
    this.#mask = this.#mask * 2 + 1
    this.#highs = new Uint32Array(this.#mask + 1)
    this.#lows = new Uint32Array(this.#mask + 1)
    for (let place = 0; place < highs.length; place++) {
      const high = highs[place]
      if (high) this.#put(high, lows[place] ?? 0)
    }
  }
}
