import type { SearchNode } from './search-node.js'

/** A search as a store runs it: what is asked, and bounds in time that follow from it. */
export interface SearchPlan {
  readonly node: SearchNode
  /** Only tasks that were heard of from here on, Unix ms. */
  readonly fromMs?: number
  /** Only tasks that were heard of before, Unix ms. */
  readonly toMs?: number
}
