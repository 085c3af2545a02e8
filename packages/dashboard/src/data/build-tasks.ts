import type { Fleet } from '../fleets/fleet.js'
import type { FacetField, TaskSlice } from '../history/history-store.js'
import { seenMsOf } from '../history/task-columns.js'
import { parseSearch } from '../search/parse-search.js'
import type { TasksPage, TasksRequest } from './tasks-page.js'

const SHOWN_VALUES = 50
const NOTHING: TaskSlice = { items: [], isWhole: true, looked: 0 }

/** The page of tasks: what a search finds, a page of it. */
export async function buildTasks(fleet: Fleet, request: TasksRequest): Promise<TasksPage> {
  const { q, before, after, limit } = request
  const parsed = parseSearch(q, { nowMs: fleet.app.clock.now() })
  const facet = async (field: FacetField) =>
    (await fleet.tried('history', () => fleet.store.facets(field, SHOWN_VALUES))) ?? []
  const [slice = NOTHING, size, names, states, workers, queues] = await Promise.all([
    parsed.ok
      ? fleet.tried('history', () =>
          fleet.store.tasks({
            plan: { node: parsed.node },
            limit,
            ...(before === undefined ? {} : { before }),
            ...(after === undefined ? {} : { after }),
          }),
        )
      : NOTHING,
    fleet.tried('history', () => fleet.store.size()),
    facet('name'),
    facet('state'),
    facet('worker'),
    facet('queue'),
  ])
  const { items, isWhole, next } = slice
  const isBack = after !== undefined
  const isFull = items.length >= limit
  const [first, last] = [items[0], items.at(-1)]
  return {
    request,
    error: parsed.ok ? null : parsed.error,
    items,
    next: isBack ? (last?.key ?? null) : (next ?? null),
    previous: isBack
      ? isWhole
        ? null
        : (first?.key ?? null)
      : before === undefined
        ? null
        : (first?.key ?? before - 1),
    lookedBackToMs: !isBack && !isWhole && !isFull && next !== undefined ? seenMsOf(next) : null,
    size: size?.tasks ?? 0,
    names,
    states,
    workers,
    queues,
  }
}
