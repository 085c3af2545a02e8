import { Block, type BlockRow, blockOf } from '../block.js'
import type { BlockFilter } from '../block-filter.js'
import { GROUP_BLOCKS } from '../block-group.js'
import { BlockIndex, groupOf, partsOf } from '../block-index.js'
import type { Parts } from '../search-blocks.js'
import type { TaskRecord } from '../task-record.js'
import type { HistoryFile, Statement } from './database.js'

const COLUMNS = 'from_key, to_key, row_count, short_fill, long_fill, min_ms, max_ms, id_chars, short, long'
/** The newest blocks kept as they are, 2 KB each: most changes are of their tasks. */
const KEPT = 1024

/** The blocks of a file. Changes in a transaction are written at its end by `save`. */
export class BlockTable {
  readonly #below: Statement
  readonly #above: Statement
  readonly #put: Statement
  readonly #sum: Statement
  readonly #remove: Statement
  readonly #removeTasks: Statement
  readonly #oldest: Statement
  /** What searches look into; has what `save` has written. */
  readonly #index = new BlockIndex()
  /** The newest blocks without a gap, in key order. */
  #kept: Block[] = []
  /** Older blocks changed by this transaction. */
  #older: Block[] = []

  constructor(file: HistoryFile) {
    const select = `SELECT ${COLUMNS} FROM block`
    this.#below = file.prepare(`${select} WHERE from_key <= ? AND to_key >= ? ORDER BY from_key DESC LIMIT ?`)
    this.#above = file.prepare(`${select} WHERE from_key <= ? AND to_key >= ? ORDER BY from_key LIMIT ?`)
    this.#put = file.prepare(`REPLACE INTO block (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#sum = file.prepare('SELECT coalesce(sum(row_count), 0) FROM block')
    this.#remove = file.prepare('DELETE FROM block WHERE from_key = ?')
    this.#removeTasks = file.prepare('DELETE FROM task WHERE key BETWEEN ? AND ?')
    this.#oldest = file.prepare('SELECT from_key, to_key, row_count FROM block ORDER BY from_key LIMIT 1')
    this.reload()
  }

  /** Adds a new task, whose key is greater than all others. */
  add(key: number, record: TaskRecord): void {
    let open = this.#kept.at(-1)
    if (!open || open.isFull) {
      open = new Block(key)
      this.#kept.push(open)
    }
    open.add(key, record)
  }

  /** Records a change of a task. */
  change(key: number, record: TaskRecord, known: TaskRecord): void {
    const [oldest] = this.#kept
    const isKept = oldest !== undefined && key >= oldest.fromKey
    let block = isKept
      ? this.#kept[this.#placeOf(key)]
      : this.#older.find(({ fromKey, toKey }) => fromKey <= key && key <= toKey)
    if (!block && !isKept) {
      block = this.#read(this.#below, key, key, 1)[0]
      if (block) this.#older.push(block)
    }
    block?.add(key, record, known)
  }

  /** Writes the changes; call it before the end of the transaction. */
  save(): void {
    for (const block of [...this.#older, ...this.#kept]) {
      if (!block.isDirty) continue
      const { fromKey, toKey, rows, short, long, minMs, maxMs, idChars } = block
      const { fill } = short
      this.#put.run([fromKey, toKey, rows, fill, long.fill, minMs, maxMs, idChars, short.bytes, long.bytes])
      block.isDirty = false
      this.#index.put(block)
    }
    this.#older = []
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT)
  }

  /** Reloads from the file, at first and after a rollback. */
  reload(): void {
    this.#older = []
    this.#kept = this.#read(this.#below, Number.MAX_SAFE_INTEGER, 0, 1)
    this.#index.clear()
    this.#index.putOlder(this.#kept)
    this.#index.isWhole = this.#kept.length === 0
  }

  countRows(): number {
    return this.#sum.all<[number]>([])[0]?.[0] ?? 0
  }

  /** What a search looks into: blocks in memory, and then what the file has besides. */
  parts(towards: 'older' | 'newer', toKey: number, fromKey: number, filter: BlockFilter): Parts {
    const { oldestKey = 0, isWhole } = this.#index
    const isInMemory = isWhole || (towards === 'older' ? toKey : fromKey) >= oldestKey
    if (isInMemory)
      return {
        each: this.#index.parts(towards, toKey, fromKey, filter),
        isLast: isWhole || fromKey >= oldestKey,
      }
    const read = this.#read(towards === 'older' ? this.#below : this.#above, toKey, fromKey, GROUP_BLOCKS)
    const isLast = read.length < GROUP_BLOCKS
    const blocks = towards === 'older' ? read.reverse() : read
    if (towards === 'older' && toKey === oldestKey - 1) {
      this.#index.putOlder(blocks)
      if (isLast && fromKey <= 0) this.#index.isWhole = true
    }
    return { each: partsOf(groupOf(blocks), towards, toKey, fromKey, filter), isLast }
  }

  /** Reads some more blocks into memory, before a search needs them; returns whether there may be others. */
  readMore(): boolean {
    const { oldestKey, isWhole } = this.#index
    if (isWhole || oldestKey === undefined) return false
    const older = this.#read(this.#below, oldestKey - 1, 0, GROUP_BLOCKS)
    const hasRoom = this.#index.putOlder(older.reverse())
    this.#index.isWhole = older.length < GROUP_BLOCKS
    return hasRoom && !this.#index.isWhole
  }

  /** Removes the oldest block with its tasks, if it is older than a key or there are too many tasks; returns how many tasks. */
  removeOldest(beforeKey: number, tooMany: number): number {
    const [row] = this.#oldest.all<[number, number, number]>([])
    if (!row) return 0
    const [fromKey, toKey, rows] = row
    if (toKey >= beforeKey && rows > tooMany) return 0
    // The block being written is not removed.
    if (fromKey === this.#kept.at(-1)?.fromKey) return 0
    this.#removeTasks.run([fromKey, toKey])
    this.#remove.run([fromKey])
    this.#index.removeBefore(toKey + 1)
    if (this.#kept[0]?.fromKey === fromKey) this.#kept.shift()
    return rows
  }

  /** The index of the last kept block that begins before a key; there always is one. */
  #placeOf(key: number): number {
    let [low, high] = [0, this.#kept.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#kept[middle]?.fromKey ?? 0) <= key) low = middle
      else high = middle - 1
    }
    return low
  }

  #read(statement: Statement, toKey: number, fromKey: number, limit: number): Block[] {
    return statement.all<BlockRow>([toKey, fromKey, limit]).map(blockOf)
  }
}
