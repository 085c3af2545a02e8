import type { Block } from './block.js'
import type { BlockFilter } from './block-filter.js'
import { BlockGroup, GROUP_BLOCKS, hasBit } from './block-group.js'
import type { Part } from './search-blocks.js'

/** The most groups kept, 400 KB each: of about a million tasks. */
const MOST_GROUPS = 64

/** The newest blocks of a history without a gap, as searches need them. */
export class BlockIndex {
  /** In the order of keys. */
  #groups: BlockGroup[] = []
  /** Whether there are no older blocks. */
  isWhole = false

  /** The key with which the oldest block begins; undefined when there is none. */
  get oldestKey(): number | undefined {
    return this.#groups[0]?.fromKey
  }

  /** The number of tasks. */
  countRows(): number {
    let sum = 0
    for (const { rows, start, count } of this.#groups)
      for (let place = start; place < count; place++) sum += rows[place] ?? 0
    return sum
  }

  /** Adds a block that is newer than all others, or what a known one has got since; one that is older than all is left out. */
  put(block: Block): void {
    const newest = this.#groups.at(-1)
    const { fromKey } = block
    if (!newest || fromKey > (newest.fromKeys.at(-1) ?? 0)) {
      this.#open().put(this.#groups.at(-1)?.count ?? 0, block)
      return
    }
    const group = this.#groups.findLast((one) => one.fromKey <= fromKey)
    const place = group?.placeOf(fromKey) ?? -1
    if (group?.fromKeys[place] === fromKey) group.put(place, block)
  }

  /** Adds blocks, oldest first, that are the next older ones; returns whether there is room for others. */
  putOlder(blocks: readonly Block[]): boolean {
    if (this.#groups.length >= MOST_GROUPS) return false
    if (this.#groups.length > 0 && blocks.length > 0) this.#groups.unshift(groupOf(blocks))
    else for (const block of blocks) this.put(block)
    return this.#groups.length < MOST_GROUPS
  }

  /** Forgets blocks that begin before a key: they were removed. */
  removeBefore(key: number): void {
    for (let [group] = this.#groups; group && group.fromKey < key; group = this.#groups[0]) {
      group.start++
      if (group.start >= group.count && this.#groups.length > 1) this.#groups.shift()
      else if (group.start >= group.count) this.#groups = []
    }
  }

  clear(): void {
    this.#groups = []
    this.isWhole = false
  }

  /** What overlaps a range of keys, from its newer or older end. */
  *parts(towards: 'older' | 'newer', toKey: number, fromKey: number, filter: BlockFilter): Generator<Part> {
    // Others are added, and removed, while a search waits.
    for (const group of towards === 'older' ? [...this.#groups].reverse() : [...this.#groups])
      if (group.fromKey <= toKey && group.toKey >= fromKey)
        yield* partsOf(group, towards, toKey, fromKey, filter)
  }

  #open(): BlockGroup {
    const newest = this.#groups.at(-1)
    if (newest && !newest.isFull) return newest
    const group = new BlockGroup()
    this.#groups.push(group)
    if (this.#groups.length > MOST_GROUPS) {
      this.#groups.shift()
      this.isWhole = false
    }
    return group
  }
}

/** Adjacent blocks, oldest first, as a group of their own: at most `GROUP_BLOCKS`. */
export function groupOf(blocks: readonly Block[]): BlockGroup {
  if (blocks.length > GROUP_BLOCKS) throw new RangeError(`a group has at most ${GROUP_BLOCKS} blocks`)
  const group = new BlockGroup()
  for (const [place, block] of blocks.entries()) group.put(place, block)
  return group
}

/** A group's blocks that overlap a range: those that may contain a match each alone, those between them together. */
export function* partsOf(
  group: BlockGroup,
  towards: 'older' | 'newer',
  toKey: number,
  fromKey: number,
  filter: BlockFilter,
): Generator<Part> {
  const bits = filter(group)
  const { start, count, fromKeys, toKeys, rows } = group
  const step = towards === 'older' ? -1 : 1
  let passed: Part | undefined
  for (let place = step < 0 ? count - 1 : start; place >= start && place < count; place += step) {
    const [from = 0, to = 0, size = 0] = [fromKeys[place], toKeys[place], rows[place]]
    if (from > toKey || to < fromKey) continue
    const part: Part = {
      may: bits === undefined || hasBit(bits, place),
      blocks: 1,
      rows: size,
      fromKey: from,
      toKey: to,
    }
    if (part.may) {
      if (passed) yield passed
      passed = undefined
      yield part
    } else passed = passed ? joined(passed, part) : part
  }
  if (passed) yield passed
}

const joined = (one: Part, other: Part): Part => ({
  may: one.may,
  blocks: one.blocks + other.blocks,
  rows: one.rows + other.rows,
  fromKey: Math.min(one.fromKey, other.fromKey),
  toKey: Math.max(one.toKey, other.toKey),
})
