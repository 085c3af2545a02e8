/** A double-ended queue in a ring buffer: every operation takes constant time. */
export class Deque<T> {
  // The ring's length is a power of two, so that `& mask` wraps an index.
  #ring: (T | undefined)[] = new Array(16)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item
  }

  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#length++
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    // The slot must not keep a removed item alive.
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    if (this.#length === 0 && this.#ring.length > 4096) this.clear()
    return item
  }

  clear(): void {
    this.#ring = new Array(16)
    this.#head = 0
    this.#length = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let index = 0; index < this.#length; index++)
      // Slots between head and length are filled.
      yield this.#ring[(this.#head + index) & (this.#ring.length - 1)] as T
  }

  #grow(): void {
    const items = [...this]
    this.#ring = items.concat(new Array(items.length))
    this.#head = 0
  }
}
