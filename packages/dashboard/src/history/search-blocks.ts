import type { SearchNode } from '../search/search-node.js'
import { type Block, mayMatch } from './block.js'
import type { TaskQuery } from './history-store.js'
import { keyAt, type TaskRow } from './task-columns.js'
import { statesOf } from './without-not.js'

/** The database operations of a search. */
export interface SearchSource {
  /** Blocks that overlap a range of keys, from its newer or older end. */
  blocks(towards: 'older' | 'newer', toKey: number, fromKey: number, limit: number): Promise<readonly Block[]>
  /** Matching rows in a range of keys, from one of its ends. */
  rows(towards: 'older' | 'newer', toKey: number, fromKey: number, limit: number): Promise<readonly TaskRow[]>
}

/** The rows found by a search, in its direction, and where it stopped. */
export interface Found {
  readonly rows: readonly TaskRow[]
  readonly isWhole: boolean
  readonly next?: number
  readonly looked: number
}

/** Blocks fetched, and the most read, at a time; other work runs in between. */
const BATCH = 256
const RUN = 32
const BUDGET = 20_000
/** The cost of skipping a block, in rows read. */
const PASSING = 2
/** With an indexed column, only matching rows are read. */
const INDEXED = 1 / 32

/**
 * Walks through the history from one end, skips blocks without a match, and stops when the page is full, the history ends, or the budget
 * is spent: it then reports how far it came.
 */
export async function searchBlocks(query: TaskQuery, source: SearchSource): Promise<Found> {
  const { plan, limit, before, after, budget = BUDGET } = query
  const towards = after === undefined ? 'older' : 'newer'
  const range = {
    from: Math.max(plan.fromMs === undefined ? 0 : keyAt(plan.fromMs), after === undefined ? 0 : after + 1),
    to: Math.min(
      plan.toMs === undefined ? Number.MAX_SAFE_INTEGER : keyAt(plan.toMs) - 1,
      before === undefined ? Number.MAX_SAFE_INTEGER : before - 1,
    ),
  }
  if (plan.node.kind === 'all') {
    const rows = await source.rows(towards, range.to, range.from, limit)
    return ended(rows, limit, rows.length)
  }
  const share = isIndexed(plan.node) ? INDEXED : 1
  const rows: TaskRow[] = []
  let spent = 0
  let looked = 0
  let size = 1
  for (;;) {
    const blocks = await source.blocks(towards, range.to, range.from, BATCH)
    for (const run of runsOf(blocks, plan.node, () => size)) {
      // Most pages are full after a block or two; longer searches take longer steps.
      size = Math.min(RUN, size * 2)
      const [first] = run.blocks
      const last = run.blocks.at(-1)
      if (!first || !last) continue
      const low = Math.max(range.from, Math.min(first.fromKey, last.fromKey))
      const high = Math.min(range.to, Math.max(first.toKey, last.toKey))
      if (run.may) rows.push(...(await source.rows(towards, high, low, limit - rows.length)))
      looked += run.blocks.reduce((sum, block) => sum + block.rows, 0)
      spent += run.blocks.reduce((sum, block) => sum + (run.may ? block.rows * share : PASSING), 0)
      if (rows.length >= limit) return ended(rows, limit, looked)
      const next = towards === 'older' ? low : high
      if (towards === 'older') range.to = low - 1
      else range.from = high + 1
      if (spent >= budget) return { rows, isWhole: false, next, looked }
    }
    if (blocks.length < BATCH) return { rows, isWhole: true, looked }
  }
}

function ended(rows: readonly TaskRow[], limit: number, looked: number): Found {
  const last = rows.at(-1)
  if (rows.length < limit || !last) return { rows, isWhole: true, looked }
  return { rows, isWhole: false, next: last[0], looked }
}

/** Runs of adjacent blocks with the same answer. */
function* runsOf(
  blocks: readonly Block[],
  node: SearchNode,
  size: () => number,
): Generator<{ readonly may: boolean; readonly blocks: readonly Block[] }> {
  let run: { readonly may: boolean; readonly blocks: Block[] } | undefined
  for (const block of blocks) {
    const may = mayMatch(node, block)
    if (run?.may === may && run.blocks.length < (may ? size() : BATCH)) run.blocks.push(block)
    else {
      if (run) yield run
      run = { may, blocks: [block] }
    }
  }
  if (run) yield run
}

/** Whether a required condition has an index. */
function isIndexed(node: SearchNode): boolean {
  if (statesOf(node)) return true
  if (node.kind === 'and') return node.of.some(isIndexed)
  return (
    node.kind === 'term' && node.relation === 'is' && ['id', 'name', 'state', 'worker'].includes(node.field)
  )
}
