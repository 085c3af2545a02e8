import type { SearchNode } from '../search/search-node.js'

/** More distinct states than this are no longer worth naming. */
export const MOST_STATES = 100

/**
 * Replaces `NOT state:SUCCESS` by the other states that there are: each has an index, so that the few failures of a long history are found
 * without reading all the rest. Every task has a state.
 * @param states The distinct states of the history; undefined when there are too many.
 */
export async function withoutNot(
  node: SearchNode,
  states: () => Promise<readonly string[] | undefined>,
): Promise<SearchNode> {
  switch (node.kind) {
    case 'all':
    case 'term':
      return node
    case 'and':
    case 'or':
      return { ...node, of: await Promise.all(node.of.map((one) => withoutNot(one, states))) }
    case 'not': {
      const excluded = statesOf(node.of)
      const known = excluded && (await states())
      if (!known) return node
      const others = known.filter((state) => !excluded.has(state))
      return {
        kind: 'or',
        of: others.map((value) => ({ kind: 'term', field: 'state', relation: 'is', value })),
      }
    }
  }
}

/** The states that a condition names, if it names nothing else. */
export function statesOf(node: SearchNode): ReadonlySet<string> | undefined {
  if (node.kind === 'term')
    return node.field === 'state' && node.relation === 'is' && typeof node.value === 'string'
      ? new Set([node.value])
      : undefined
  if (node.kind !== 'or') return undefined
  const states = node.of.map(statesOf)
  return states.every((one) => one !== undefined)
    ? new Set(states.flatMap((one) => [...(one ?? [])]))
    : undefined
}
