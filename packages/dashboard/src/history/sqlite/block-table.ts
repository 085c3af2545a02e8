import { Block, type BlockRow, blockOf } from '../block.js'
import type { TaskRecord } from '../task-record.js'
import type { HistoryFile, Statement } from './database.js'

const COLUMNS = 'from_key, to_key, row_count, short_fill, long_fill, min_ms, max_ms, id_chars, short, long'
/** The newest blocks kept in memory, 2 KB each: about a million tasks. */
const KEPT = 16_384

/** The blocks of a file. Changes in a transaction are written at its end by `save`. */
export class BlockTable {
  readonly #below: Statement
  readonly #above: Statement
  readonly #put: Statement
  readonly #sum: Statement
  readonly #remove: Statement
  readonly #removeTasks: Statement
  readonly #oldest: Statement
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
    }
    this.#older = []
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(-KEPT)
  }

  /** Reloads from the file, at first and after a rollback. */
  reload(): void {
    this.#older = []
    this.#kept = this.#read(this.#below, Number.MAX_SAFE_INTEGER, 0, 1)
  }

  countRows(): number {
    return this.#sum.all<[number]>([])[0]?.[0] ?? 0
  }

  /** Blocks that overlap a range of keys, from its newer or older end. */
  list(towards: 'older' | 'newer', toKey: number, fromKey: number, limit: number): Block[] {
    const [oldest] = this.#kept
    if (towards === 'newer') {
      if (!oldest || fromKey < oldest.fromKey) return this.#read(this.#above, toKey, fromKey, limit)
      return this.#kept.filter((block) => block.fromKey <= toKey && block.toKey >= fromKey).slice(0, limit)
    }
    const found: Block[] = []
    for (let at = this.#placeOf(toKey); at >= 0 && found.length < limit; at--) {
      const block = this.#kept[at]
      if (!block || block.toKey < fromKey) return found
      if (block.fromKey <= toKey) found.push(block)
    }
    if (found.length >= limit) return found
    const edge = oldest ? oldest.fromKey - 1 : toKey
    const isAdjacent = toKey >= edge
    const older = this.#read(this.#below, Math.min(toKey, edge), fromKey, limit - found.length)
    if (isAdjacent) this.#kept.unshift(...older.slice(0, Math.max(0, KEPT - this.#kept.length)).reverse())
    return [...found, ...older]
  }

  /** Reads some more blocks into memory, before a search needs them; returns whether there may be others. */
  readMore(limit: number): boolean {
    const [oldest] = this.#kept
    if (!oldest || this.#kept.length + limit > KEPT) return false
    const older = this.#read(this.#below, oldest.fromKey - 1, 0, limit)
    this.#kept.unshift(...older.reverse())
    return older.length === limit
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
