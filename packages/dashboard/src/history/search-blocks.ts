import type { SearchNode } from '../search/search-node.js'
import type { Counted, TaskQuery } from './history-store.js'
import { keyAt, type TaskRow } from './task-columns.js'
import { statesOf } from './without-not.js'

/** The database operations of a search. */
export interface SearchSource {
  /** Blocks that overlap a range of keys, from its newer or older end, told in parts: all of them, or some and then others. */
  parts(towards: 'older' | 'newer', toKey: number, fromKey: number): Promise<Parts>
  /** Matching rows in ranges of keys that follow each other in the search's direction. */
  rows(towards: 'older' | 'newer', ranges: readonly Range[], limit: number): Promise<readonly TaskRow[]>
}

/** Keys, both ends included. */
export type Range = readonly [fromKey: number, toKey: number]

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
  readonly each: Iterable<Part>
  /** Whether no others follow in the range. */
  readonly isLast: boolean
}

/** The rows found by a search, in its direction, and where it stopped. */
export interface Found {
  readonly rows: readonly TaskRow[]
  readonly isWhole: boolean
  readonly next?: number
  readonly looked: number
}

/** The most blocks that are passed over, and read, at a time; other work runs in between. */
const PASSED = 1024
const READ = 32
/** The same where an index leads to the rows of a block. */
const READ_INDEXED = 128
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
    const rows = await source.rows(towards, [[range.from, range.to]], limit)
    return ended(rows, limit, rows.length)
  }
  const share = isIndexed(plan.node) ? INDEXED : hasText(plan.node) ? TEXTS : 1
  const rows: TaskRow[] = []
  let spent = 0
  let looked = 0
  let size = 1
  for (;;) {
    const parts = await source.parts(towards, range.to, range.from)
    for (const step of stepsOf(parts.each, () => size)) {
      // Most pages are full after a block or two; longer searches take longer steps.
      size = Math.min(share === INDEXED ? READ_INDEXED : READ, size * 4)
      const clipped = ([from, to]: Range): Range => [Math.max(range.from, from), Math.min(range.to, to)]
      const [low, high] = clipped([step.fromKey, step.toKey])
      if (step.ranges.length > 0)
        rows.push(...(await source.rows(towards, step.ranges.map(clipped), limit - rows.length)))
      looked += step.rows
      spent += step.readRows * share + step.passed * PASSING
      if (rows.length >= limit) return ended(rows, limit, looked)
      const next = towards === 'older' ? low : high
      if (towards === 'older') range.to = low - 1
      else range.from = high + 1
      if (spent >= budget) return { rows, isWhole: false, next, looked }
    }
    if (parts.isLast) return { rows, isWhole: true, looked }
  }
}

/** Blocks in which matches are counted at a time. */
const COUNTED = 64

/**
 * Counts what a search finds, from the newest task, until there are `most`.
 * @param count The matching rows in ranges of keys.
 */
export async function countBlocks(
  most: number,
  parts: SearchSource['parts'],
  count: (ranges: readonly Range[]) => Promise<number>,
): Promise<Counted> {
  let toKey = Number.MAX_SAFE_INTEGER
  let sum = 0
  for (;;) {
    const { each, isLast } = await parts('older', toKey, 0)
    for (const { ranges, fromKey } of stepsOf(each, () => COUNTED)) {
      if (ranges.length > 0) sum += await count(ranges)
      if (sum >= most) return { count: sum, isExact: false }
      toKey = fromKey - 1
    }
    if (isLast) return { count: sum, isExact: true }
  }
}

function ended(rows: readonly TaskRow[], limit: number, looked: number): Found {
  const last = rows.at(-1)
  if (rows.length < limit || !last) return { rows, isWhole: true, looked }
  return { rows, isWhole: false, next: last[0], looked }
}

/** What is read at once, and what is passed over in between. */
interface Step {
  ranges: Range[]
  /** Blocks read, and passed over. */
  read: number
  passed: number
  /** Tasks in all of them, and in those that are read. */
  rows: number
  readRows: number
  fromKey: number
  toKey: number
}

function* stepsOf(parts: Iterable<Part>, size: () => number): Generator<Step> {
  let step: Step | undefined
  let isAdjacent = false
  for (const { may, blocks, rows, fromKey, toKey } of parts) {
    if (!step) isAdjacent = false
    step ??= { ranges: [], read: 0, passed: 0, rows: 0, readRows: 0, fromKey, toKey }
    step.rows += rows
    step.fromKey = Math.min(step.fromKey, fromKey)
    step.toKey = Math.max(step.toKey, toKey)
    if (may) {
      step.read += blocks
      step.readRows += rows
      // Adjacent blocks are read as one.
      const [from, to] = (isAdjacent && step.ranges.pop()) || [fromKey, toKey]
      step.ranges.push([Math.min(from, fromKey), Math.max(to, toKey)])
    } else step.passed += blocks
    isAdjacent = may
    if (step.read < size() && step.passed < PASSED) continue
    yield step
    step = undefined
  }
  if (step) yield step
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
