import type { Fleet } from '../fleets/fleet.js'
import type { TaskEntry } from '../history/task-entry.js'
import { relativeOf } from './build-task.js'
import type { WorkflowNode, WorkflowPage, WorkflowsPage } from './tasks-page.js'

const SHOWN_TASKS = 500
const SHOWN_WORKFLOWS = 20
const COUNTED = 200

/** The most recently active workflows. */
export async function buildWorkflows(fleet: Fleet, before: number | undefined): Promise<WorkflowsPage> {
  const children = (await fleet.tried('history', () => fleet.store.children(COUNTED, before))) ?? []
  const roots = [...new Set(children.map(({ rootId }) => rootId))]
  const items: WorkflowsPage['items'][number][] = []
  for (const rootId of roots.slice(0, SHOWN_WORKFLOWS)) {
    const family = (await fleet.tried('history', () => fleet.store.family(rootId, COUNTED))) ?? []
    const root = family.find(({ id }) => id === rootId) ?? family[0]
    if (root) items.push({ root, tasks: family.length, counts: countsOf(family) })
  }
  return { items, next: children.length < COUNTED ? null : (children.at(-1)?.key ?? null) }
}

/** A workflow as a layered graph; undefined when it is unknown. */
export async function buildWorkflow(fleet: Fleet, rootId: string): Promise<WorkflowPage | undefined> {
  const family = (await fleet.tried('history', () => fleet.store.family(rootId, SHOWN_TASKS + 1))) ?? []
  if (family.length === 0) return undefined
  const shown = family.slice(0, SHOWN_TASKS)
  const byId = new Map(shown.map((task) => [task.id, task]))
  return {
    rootId,
    nodes: shown.map((task) => nodeOf(task, byId)),
    edges: shown.flatMap(({ id, parentId }) =>
      parentId !== null && byId.has(parentId) ? [{ from: parentId, to: id }] : [],
    ),
    isCut: family.length > SHOWN_TASKS,
    counts: countsOf(shown),
  }
}

function nodeOf(task: TaskEntry, byId: ReadonlyMap<string, TaskEntry>): WorkflowNode {
  const { groupId, runtime, startedMs, endedMs } = task
  return { ...relativeOf(task), layer: layerOf(task, byId), groupId, runtime, startedMs, endedMs }
}

/** The depth of a task in its workflow; a forged cycle is not followed. */
function layerOf(task: TaskEntry, byId: ReadonlyMap<string, TaskEntry>): number {
  const seen = new Set<string>([task.id])
  let parent = task.parentId === null ? undefined : byId.get(task.parentId)
  while (parent && !seen.has(parent.id)) {
    seen.add(parent.id)
    parent = parent.parentId === null ? undefined : byId.get(parent.parentId)
  }
  return seen.size - 1
}

function countsOf(tasks: readonly TaskEntry[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1)
  return Object.fromEntries(counts)
}
