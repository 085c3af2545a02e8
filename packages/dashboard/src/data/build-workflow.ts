import type { Fleet } from '../fleets/fleet.js'
import { summaryOf } from '../history/task-columns.js'
import type { TaskEntry } from '../history/task-entry.js'
import { relativeOf } from './build-task.js'
import type { WorkflowPage, WorkflowsPage } from './tasks-page.js'
import { edgesOf, layersOf } from './workflow-graph.js'

const SHOWN_TASKS = 500
const SHOWN_WORKFLOWS = 20
/** Tasks of workflows read at once, and how often: large workflows come many in a row. */
const READ_TASKS = 500
const MOST_READS = 10
/** Groups within groups, and groups after groups, that were each called by themselves. */
const MOST_STEPS = 10
const SHOWN_NAMES = 3

/** The most recently active workflows. */
export async function buildWorkflows(fleet: Fleet, before: number | undefined): Promise<WorkflowsPage> {
  const items: WorkflowsPage['items'][number][] = []
  /** Of workflows that are listed, and all by which tasks name them. */
  const seen = new Set<string>()
  let next = before
  for (let reads = 0; reads < MOST_READS; reads++) {
    const from = next
    const tasks = (await fleet.tried('history', () => fleet.store.workflowTasks(READ_TASKS, from))) ?? []
    for (const { key, workflowId } of tasks) {
      if (!seen.has(workflowId)) {
        if (items.length === SHOWN_WORKFLOWS) return { items, next: next ?? null }
        seen.add(workflowId)
        const item = itemOf(workflowId, await wholeFamily(fleet, workflowId, seen))
        if (item) items.push(item)
      }
      next = key
    }
    if (tasks.length < READ_TASKS) return { items, next: null }
  }
  return { items, next: next ?? null }
}

/** A workflow as a layered graph; undefined when it is unknown. */
export async function buildWorkflow(fleet: Fleet, id: string): Promise<WorkflowPage | undefined> {
  const family = await wholeFamily(fleet, id, new Set([id]))
  if (family.length === 0) return undefined
  const shown = family.slice(0, SHOWN_TASKS)
  const edges = edgesOf(shown)
  const layers = layersOf(shown, edges)
  return {
    rootId: id,
    nodes: shown.map((task) => {
      const { groupId, runtime, startedMs, endedMs } = task
      return { ...relativeOf(task), layer: layers.get(task.id) ?? 0, groupId, runtime, startedMs, endedMs }
    }),
    edges,
    isCut: family.length > SHOWN_TASKS,
    counts: countsOf(shown),
  }
}

/**
 * The tasks that a root or a group has, and those that groups join with them: each member of a group that was called by itself is its own
 * root, and the body of a chord has the root of its last member.
 *
 * @param seen The ids of roots and groups; those of this family are added.
 */
async function wholeFamily(fleet: Fleet, id: string, seen: Set<string>): Promise<readonly TaskEntry[]> {
  const tasks = new Map<string, TaskEntry>()
  let ids = [id]
  for (let step = 0; step < MOST_STEPS && ids.length > 0 && tasks.size <= SHOWN_TASKS; step++) {
    const asked = ids
    const found = (await fleet.tried('history', () => fleet.store.family(asked, SHOWN_TASKS + 1))) ?? []
    ids = []
    for (const task of found) {
      tasks.set(task.id, task)
      const { rootId, groupId } = task
      // Members of a group that a task called have a root in common.
      const isOwnRoot = rootId === null || rootId === task.id
      for (const one of isOwnRoot ? [task.id, groupId] : [rootId]) {
        if (one === null || seen.has(one)) continue
        seen.add(one)
        ids.push(one)
      }
    }
  }
  return [...tasks.values()].sort((one, other) => one.key - other.key).slice(0, SHOWN_TASKS + 1)
}

function itemOf(id: string, family: readonly TaskEntry[]): WorkflowsPage['items'][number] | undefined {
  const root = family.find((task) => task.id === id && task.groupId === null) ?? family[0]
  if (!root) return undefined
  const known = {
    root: summaryOf(root.fleet, root.key, root),
    tasks: family.length,
    counts: countsOf(family),
  }
  const { groupId } = root
  if (groupId === null || root.parentId !== null) return { id, group: null, ...known }
  const members = family.filter((task) => task.groupId === groupId && task.parentId === null)
  const names = new Set(members.map(({ name, id: own }) => name ?? own))
  return { id: groupId, group: [...names].slice(0, SHOWN_NAMES), ...known }
}

function countsOf(tasks: readonly TaskEntry[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1)
  return Object.fromEntries(counts)
}
