import type { ResultTuple } from '../../result/index.js'
import type { AnyResult } from './any-result.js'
import { AsyncResult } from './async-result.js'
import { GroupResult } from './group-result.js'
import type { ResultSource } from './result-source.js'

/** The result that Celery's pairs describe, with its parents. */
export function resultOf([[id, parent], children]: ResultTuple, source: ResultSource): AnyResult {
  // A chain's parents nest as deep as the chain is long: unpacked from the outermost inwards, built from the innermost.
  const lineage: ResultTuple[] = []
  for (let above = parent; above; above = above[0][1]) lineage.push(above)
  let result: AnyResult | null = null
  for (const tuple of lineage.reverse()) result = make(tuple[0][0], tuple[1], source, result)
  return make(id, children, source, result)
}

function make(
  id: string,
  children: ResultTuple[1],
  source: ResultSource,
  parent: AnyResult | null,
): AnyResult {
  if (children === null) return new AsyncResult(id, source, parent)
  const members = children.map((child) => resultOf(child, source))
  return new GroupResult(id, members, source, parent)
}
