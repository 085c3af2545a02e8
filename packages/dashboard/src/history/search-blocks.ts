import type { SearchNode } from '../search/search-node.js'
import type { Block } from './block.js'
import type { BlockFilter } from './block-filter.js'
import type { TaskQuery } from './history-store.js'
import { keyAt, type TaskRow } from './task-columns.js'
import { statesOf } from './without-not.js'

/** The database operations of a search. */
export interface SearchSource {
  /** At most so many blocks that overlap a range of keys, from its newer or older end, told in parts. */
  parts(towards: 'older' | 'newer', toKey: number, fromKey: number, limit: number): Promise<Parts>
  /** Matching rows in a range of keys, from one of its ends. */
  rows(towards: 'older' | 'newer', toKey: number, fromKey: number, limit: number): Promise<readonly TaskRow[]>
}

/** Adjacent blocks: either they all may contain a match, or none of them does. */
export interface Part {
  readonly may: boolean
  readonly blocks: number
  readonly rows: number
  readonly fromKey: number
  readonly toKey: number
}

/** Parts in the direction of a search. */
export interface Parts {
  /** How many blocks they are. */
  readonly blocks: number
  readonly each: Iterable<Part>
}

/** Each block as a part of its own, tested when the search comes to it. */
export const partsOf = (blocks: readonly Block[], filter: BlockFilter): Parts => ({
  blocks: blocks.length,
  each: testedOf(blocks, filter),
})

function* testedOf(blocks: readonly Block[], filter: BlockFilter): Generator<Part> {
  for (const block of blocks) {
    const { rows, fromKey, toKey } = block
    yield { may: filter(block), blocks: 1, rows, fromKey, toKey }
  }
}

/** The rows found by a search, in its direction, and where it stopped. */
export interface Found {
  readonly rows: readonly TaskRow[]
  readonly isWhole: boolean
  readonly next?: number
  readonly looked: number
}

/** Blocks fetched, and the most read, at a time; other work runs in between. */
const BATCH = 1024
const RUN = 32
/** What a search may cost, in rows whose columns are compared: a page of it takes a few milliseconds. */
const BUDGET = 10_000
/** The cost of a row where every text is searched, and of skipping a block. */
const TEXTS = 2
const PASSING = 0.25
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
  const share = isIndexed(plan.node) ? INDEXED : hasText(plan.node) ? TEXTS : 1
  const rows: TaskRow[] = []
  let spent = 0
  let looked = 0
  let size = 1
  for (;;) {
    const parts = await source.parts(towards, range.to, range.from, BATCH)
    for (const run of runsOf(parts.each, () => size)) {
      // Most pages are full after a block or two; longer searches take longer steps.
      size = Math.min(RUN, size * 2)
      const low = Math.max(range.from, run.fromKey)
      const high = Math.min(range.to, run.toKey)
      if (run.may) rows.push(...(await source.rows(towards, high, low, limit - rows.length)))
      looked += run.rows
      spent += run.may ? run.rows * share : run.blocks * PASSING
      if (rows.length >= limit) return ended(rows, limit, looked)
      const next = towards === 'older' ? low : high
      if (towards === 'older') range.to = low - 1
      else range.from = high + 1
      if (spent >= budget) return { rows, isWhole: false, next, looked }
    }
    if (parts.blocks < BATCH) return { rows, isWhole: true, looked }
  }
}

function ended(rows: readonly TaskRow[], limit: number, looked: number): Found {
  const last = rows.at(-1)
  if (rows.length < limit || !last) return { rows, isWhole: true, looked }
  return { rows, isWhole: false, next: last[0], looked }
}

/** Adjacent parts with the same answer. */
type Run = { -readonly [Key in keyof Part]: Part[Key] }

function* runsOf(parts: Iterable<Part>, size: () => number): Generator<Run> {
  let run: Run | undefined
  for (const { may, blocks, rows, fromKey, toKey } of parts)
    if (run?.may === may && run.blocks < (may ? size() : BATCH)) {
      run.blocks += blocks
      run.rows += rows
      run.fromKey = Math.min(run.fromKey, fromKey)
      run.toKey = Math.max(run.toKey, toKey)
    } else {
      if (run) yield run
      run = { may, blocks, rows, fromKey, toKey }
    }
  if (run) yield run
}

/** Whether any text may match. */
function hasText(node: SearchNode): boolean {
  if (node.kind === 'not') return hasText(node.of)
  if (node.kind === 'and' || node.kind === 'or') return node.of.some(hasText)
  return node.kind === 'term' && node.field === 'text'
}

/** Whether a required condition has an index. */
function isIndexed(node: SearchNode): boolean {
  if (statesOf(node)) return true
  if (node.kind === 'and') return node.of.some(isIndexed)
  return node.kind === 'term' && node.relation === 'is' && ['id', 'state'].includes(node.field)
}
