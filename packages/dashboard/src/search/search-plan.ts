import type { SearchNode } from './search-node.js'

/** A search in the form that a store runs: its condition, and the time bounds that follow from it. */
export interface SearchPlan {
  readonly node: SearchNode
  /** Only tasks first seen from this time on, Unix ms. */
  readonly fromMs?: number
  /** Only tasks first seen before this time, Unix ms. */
  readonly toMs?: number
}
