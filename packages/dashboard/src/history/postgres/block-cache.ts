import { type BlockRow, blockOf } from '../block.js'
import type { BlockFilter } from '../block-filter.js'
import { GROUP_BLOCKS } from '../block-group.js'
import { BlockIndex } from '../block-index.js'
import type { Parts } from '../search-blocks.js'
import { BLOCK_COLUMNS, listBlocks, partsOf } from './blocks.js'
import type { Session } from './database.js'

/**
 * The newest blocks in memory, so that a search asks the server for rows alone. Other dashboards may write the same history: what has
 * changed is read before each search.
 */
export class BlockCache {
  readonly #session: Session
  readonly #index = new BlockIndex()
  /** The last change that was read; undefined before the first. */
  #change: number | undefined
  #reading: Promise<void> | undefined
  #rest: Promise<void> = Promise.resolve()
  readonly #first: Promise<void>
  #isClosed = false

  constructor(session: Session) {
    this.#session = session
    // The first search need not wait for it; if it cannot be read now, that search reads it.
    this.#first = this.catchUp().catch(() => undefined)
  }

  /** Reads what has changed; calls of one turn read together. */
  catchUp(): Promise<void> {
    this.#reading ??= Promise.resolve().then(() => {
      this.#reading = undefined
      return this.#catchUp()
    })
    return this.#reading
  }

  /** The number of tasks; undefined when not all blocks are here. */
  countRows(): number | undefined {
    return this.#index.isWhole ? this.#index.countRows() : undefined
  }

  /** What a search looks into: blocks in memory, and then those tested on the server. */
  async parts(
    towards: 'older' | 'newer',
    toKey: number,
    fromKey: number,
    filter: BlockFilter,
    condition: string,
  ): Promise<Parts> {
    const { oldestKey = Number.MAX_SAFE_INTEGER, isWhole } = this.#index
    if (isWhole || (towards === 'older' ? toKey : fromKey) >= oldestKey)
      return {
        each: this.#index.parts(towards, toKey, fromKey, filter),
        isLast: isWhole || fromKey >= oldestKey,
      }
    return partsOf(this.#session, condition, towards, toKey, fromKey)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#first
    await this.#rest
  }

  async #catchUp(): Promise<void> {
    if (this.#change === undefined) return this.#begin()
    const [changed, oldest] = await Promise.all([
      this.#session.query<readonly [...BlockRow, number]>(
        `SELECT ${BLOCK_COLUMNS}, changed FROM block WHERE changed > $1 ORDER BY changed`,
        [this.#change],
      ),
      this.#session.query<[number | null]>('SELECT min(from_key) FROM block'),
    ])
    // New ones are added at the end, and so in the order of their keys.
    const blocks = changed.map(([...row]) => {
      this.#change = Math.max(this.#change ?? 0, row.pop() as number)
      return blockOf(row as unknown as BlockRow)
    })
    for (const block of blocks.sort((one, other) => one.fromKey - other.fromKey)) this.#index.put(block)
    this.#index.removeBefore(oldest[0]?.[0] ?? Number.MAX_SAFE_INTEGER)
  }

  async #begin(): Promise<void> {
    const [last] = await this.#session.query<[number]>('SELECT coalesce(max(changed), 0) FROM block')
    const newest = await listBlocks(this.#session, 'older', Number.MAX_SAFE_INTEGER, 0, GROUP_BLOCKS)
    if (this.#change !== undefined) return
    this.#change = last?.[0] ?? 0
    this.#index.putOlder(newest.reverse())
    this.#index.isWhole = newest.length < GROUP_BLOCKS
    if (!this.#index.isWhole) this.#rest = this.#readOlder()
  }

  async #readOlder(): Promise<void> {
    while (!this.#isClosed && !this.#index.isWhole) {
      const { oldestKey = 0 } = this.#index
      const older = await listBlocks(this.#session, 'older', oldestKey - 1, 0, GROUP_BLOCKS).catch(
        () => undefined,
      )
      // Without the server, searches of older tasks go on being tested there.
      if (!older || this.#isClosed || oldestKey !== this.#index.oldestKey) return
      this.#index.isWhole = older.length < GROUP_BLOCKS
      if (!this.#index.putOlder(older.reverse())) return
    }
  }
}
