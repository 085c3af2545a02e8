interface Entry<Value> {
  readonly key: string
  readonly hash: number
  readonly value: Value
  inBucket: Entry<Value> | undefined
  before: Entry<Value> | undefined
  after: Entry<Value> | undefined
}

const FIRST_BUCKETS = 64

/**
 * A map in insertion order, for entries that come and go all the time; setting a key again moves it to the end. It hashes the last
 * characters of a key, which suits names that begin alike and end differently.
 *
 * A `Map` allocates a new table after enough deletions, and its old table keeps a pointer to the new one. Once an old table has reached
 * V8's old generation, every young-generation collection follows that chain and keeps everything it leads to, until the next full
 * collection: measured here, that cost a third of a busy worker's time. In this map a removed entry points to nothing, and nothing
 * removed points into it.
 */
export class FleetingMap<Value> {
  #buckets: (Entry<Value> | undefined)[] = emptyBuckets(FIRST_BUCKETS)
  #first: Entry<Value> | undefined
  #last: Entry<Value> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): Value | undefined {
    return this.#find(key, hashOf(key))?.value
  }

  has(key: string): boolean {
    return this.#find(key, hashOf(key)) !== undefined
  }

  set(key: string, value: Value): void {
    const hash = hashOf(key)
    this.#remove(key, hash)
    if (this.#size >= this.#buckets.length) this.#grow()
    const place = hash & (this.#buckets.length - 1)
    const entry: Entry<Value> = {
      key,
      hash,
      value,
      inBucket: this.#buckets[place],
      before: this.#last,
      after: undefined,
    }
    this.#buckets[place] = entry
    if (this.#last) this.#last.after = entry
    else this.#first = entry
    this.#last = entry
    this.#size++
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    return this.#remove(key, hashOf(key))
  }

  clear(): void {
    for (const key of [...this.keys()]) this.delete(key)
  }

  /** A snapshot: later insertions and removals do not change it. */
  values(): Value[] {
    const values: Value[] = []
    for (let entry = this.#first; entry; entry = entry.after) values.push(entry.value)
    return values
  }

  /** As they are now. */
  keys(): string[] {
    const keys: string[] = []
    for (let entry = this.#first; entry; entry = entry.after) keys.push(entry.key)
    return keys
  }

  #remove(key: string, hash: number): boolean {
    const place = hash & (this.#buckets.length - 1)
    let previous: Entry<Value> | undefined
    let entry = this.#buckets[place]
    while (entry && (entry.hash !== hash || entry.key !== key)) {
      previous = entry
      entry = entry.inBucket
    }
    if (!entry) return false
    if (previous) previous.inBucket = entry.inBucket
    else this.#buckets[place] = entry.inBucket
    if (entry.before) entry.before.after = entry.after
    else this.#first = entry.after
    if (entry.after) entry.after.before = entry.before
    else this.#last = entry.before
    entry.inBucket = undefined
    entry.before = undefined
    entry.after = undefined
    this.#size--
    return true
  }

  #find(key: string, hash: number): Entry<Value> | undefined {
    let entry = this.#buckets[hash & (this.#buckets.length - 1)]
    while (entry && (entry.hash !== hash || entry.key !== key)) entry = entry.inBucket
    return entry
  }

  #grow(): void {
    const buckets = emptyBuckets<Entry<Value>>(2 * this.#buckets.length)
    for (let entry = this.#first; entry; entry = entry.after) {
      const place = entry.hash & (buckets.length - 1)
      entry.inBucket = buckets[place]
      buckets[place] = entry
    }
    this.#buckets = buckets
  }
}

const emptyBuckets = <Item>(count: number): (Item | undefined)[] =>
  new Array<Item | undefined>(count).fill(undefined)

/** Characters; enough to tell a million UUIDs apart. */
const LOOKED_AT = 5

/** FNV-1a over the end of the key, where keys must differ. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = Math.max(0, key.length - LOOKED_AT); at < key.length; at++)
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
