import type { TaskEntry } from '../history/task-entry.js'

/** What of a task its place in a graph depends on. */
export type Placed = Pick<TaskEntry, 'id' | 'parentId' | 'groupId'>

/** One task led to another. */
export interface Edge {
  readonly from: string
  readonly to: string
}

/** Parents lead to their children, and all members of a chord to its body: of those, events name only the last as its parent. */
export function edgesOf(tasks: readonly Placed[]): readonly Edge[] {
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const edges: Edge[] = []
  /** By group. The body of a chord has the chord's group, and its parent in it, as no member has. */
  const bodies = new Map<string, string>()
  for (const { id, parentId, groupId } of tasks) {
    const parent = parentId === null ? undefined : byId.get(parentId)
    if (!parent) continue
    if (groupId !== null && parent.groupId === groupId && !bodies.has(groupId)) bodies.set(groupId, id)
    else edges.push({ from: parent.id, to: id })
  }
  for (const { id, groupId } of tasks) {
    const body = groupId === null ? undefined : bodies.get(groupId)
    if (body !== undefined && body !== id) edges.push({ from: id, to: body })
  }
  return edges
}

/** How many steps lead to each task at most; a forged cycle is not followed. */
export function layersOf(tasks: readonly Placed[], edges: readonly Edge[]): ReadonlyMap<string, number> {
  const before = new Map<string, string[]>()
  for (const { from, to } of edges) {
    const known = before.get(to)
    if (known) known.push(from)
    else before.set(to, [from])
  }
  const layers = new Map<string, number>()
  const layerOf = (id: string): number => {
    const known = layers.get(id)
    if (known !== undefined) return known
    // Ends a cycle that leads here again.
    layers.set(id, -1)
    const layer = Math.max(-1, ...(before.get(id) ?? []).map(layerOf)) + 1
    layers.set(id, layer)
    return layer
  }
  for (const { id } of tasks) layerOf(id)
  return layers
}
