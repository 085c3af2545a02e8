/** The heap's requirements of its items. */
export interface Due {
  dueMs: number
}

/** Items by due time, the earliest first: a binary heap. */
export class DueHeap<T extends Due> {
  #items: T[] = []

  /** Returns the earliest without removing it. */
  peek(): T | undefined {
    return this.#items[0]
  }

  /** Counts the items that a condition holds for, by looking at each. */
  count(holds: (item: T) => boolean): number {
    return this.#items.reduce((sum, item) => sum + (holds(item) ? 1 : 0), 0)
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent]
      if (!above || above.dueMs <= item.dueMs) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  /** Removes and returns the earliest. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (!last || items.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = items[child]
      if (!left) break
      const right = items[child + 1]
      let below = left
      if (right && right.dueMs < left.dueMs) {
        below = right
        child++
      }
      if (below.dueMs >= last.dueMs) break
      items[at] = below
      at = child
    }
    items[at] = last
    return first
  }

  /** Removes and returns all that `isWanted` accepts; takes time in proportion to the heap. */
  extract(isWanted: (item: T) => boolean): T[] {
    const taken: T[] = []
    const kept: T[] = []
    for (const item of this.#items) (isWanted(item) ? taken : kept).push(item)
    this.#items = []
    for (const item of kept) this.push(item)
    return taken
  }

  /** In no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]()
  }
}
