import { Block, type BlockRow, blockOf } from '../block.js'
import type { Parts } from '../search-blocks.js'
import type { TaskRecord } from '../task-record.js'
import type { Session } from './database.js'

export const BLOCK_COLUMNS =
  'from_key, to_key, row_count, short_fill, long_fill, min_ms, max_ms, id_chars, short, long'

/** Blocks tested on the server at a time. */
const AT_ONCE = 1024

/** Blocks that overlap a range of keys, from its newer or older end. */
export async function listBlocks(
  session: Session,
  towards: 'older' | 'newer',
  toKey: number,
  fromKey: number,
  limit: number,
): Promise<Block[]> {
  const order = towards === 'older' ? 'DESC' : 'ASC'
  const rows = await session.query<BlockRow>(
    `SELECT ${BLOCK_COLUMNS} FROM block WHERE from_key <= $1 AND to_key >= $2 ORDER BY from_key ${order} LIMIT $3`,
    [toKey, fromKey, limit],
  )
  return rows.map(blockOf)
}

/** Such blocks in parts, tested on the server: those that may contain a match each alone, those between them together. */
export async function partsOf(
  session: Session,
  condition: string,
  towards: 'older' | 'newer',
  toKey: number,
  fromKey: number,
): Promise<Parts> {
  const order = towards === 'older' ? 'DESC' : 'ASC'
  const rows = await session.query<[may: boolean, blocks: number, rows: number, from: number, to: number]>(
    `SELECT may, count(*), sum(row_count)::bigint, min(from_key), max(to_key) FROM (
       SELECT *, row_number() OVER (ORDER BY from_key) - row_number() OVER (PARTITION BY may ORDER BY from_key) AS run FROM (
         SELECT from_key, to_key, row_count, ${condition} AS may FROM block
         WHERE from_key <= $1 AND to_key >= $2 ORDER BY from_key ${order} LIMIT $3
       ) AS tested
     ) AS runs GROUP BY may, run, CASE WHEN may THEN from_key END ORDER BY min(from_key) ${order}`,
    [toKey, fromKey, AT_ONCE],
  )
  const each = rows.map(([may, blocks, count, from, to]) => ({
    may,
    blocks,
    rows: count,
    fromKey: from,
    toKey: to,
  }))
  return { each, isLast: each.reduce((sum, { blocks }) => sum + blocks, 0) < AT_ONCE }
}

/** The blocks changed by one transaction, written at its end by `save`. */
export class ChangedBlocks {
  readonly #session: Session
  readonly #blocks: Block[] = []
  #open: Block | undefined

  private constructor(session: Session, newest: Block | undefined) {
    this.#session = session
    this.#open = newest
    if (newest) this.#blocks.push(newest)
  }

  static async begin(session: Session): Promise<ChangedBlocks> {
    const [newest] = await listBlocks(session, 'older', Number.MAX_SAFE_INTEGER, 0, 1)
    return new ChangedBlocks(session, newest)
  }

  /** Adds a new task, whose key is greater than all others. */
  add(key: number, record: TaskRecord): void {
    if (!this.#open || this.#open.isFull) {
      this.#open = new Block(key)
      this.#blocks.push(this.#open)
    }
    this.#open.add(key, record)
  }

  /** Records a change of a task. */
  async change(key: number, record: TaskRecord, known: TaskRecord): Promise<void> {
    let block = this.#blocks.find(({ fromKey, toKey }) => fromKey <= key && key <= toKey)
    if (!block) {
      block = (await listBlocks(this.#session, 'older', key, key, 1))[0]
      if (block) this.#blocks.push(block)
    }
    block?.add(key, record, known)
  }

  async save(): Promise<void> {
    for (const { isDirty, fromKey, toKey, rows, short, long, minMs, maxMs, idChars } of this.#blocks) {
      if (!isDirty) continue
      await this.#session.query(
        `INSERT INTO block (${BLOCK_COLUMNS}, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nextval('block_change'))
         ON CONFLICT (from_key) DO UPDATE SET to_key = excluded.to_key, row_count = excluded.row_count, short_fill = excluded.short_fill,
           long_fill = excluded.long_fill, min_ms = excluded.min_ms, max_ms = excluded.max_ms, id_chars = excluded.id_chars, short = excluded.short, long = excluded.long,
           changed = excluded.changed`,
        [
          fromKey,
          toKey,
          rows,
          short.fill,
          long.fill,
          minMs,
          maxMs,
          idChars,
          Buffer.from(short.bytes),
          Buffer.from(long.bytes),
        ],
      )
    }
  }
}
