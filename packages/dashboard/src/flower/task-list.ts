import type { Fleet } from '../fleets/fleet.js'
import type { TaskEntry } from '../history/task-entry.js'
import { parseSearch } from '../search/parse-search.js'
import type { SearchNode } from '../search/search-node.js'
import { FlowerError } from './flower-request.js'
import { localTime } from './local-time.js'
import { taskDict } from './task-dict.js'

/** The parameters of `/api/tasks`, from the URL. */
export interface TaskListRequest {
  readonly limit?: number
  readonly offset: number
  readonly sortBy?: string
  readonly worker?: string
  readonly name?: string
  readonly state?: string
  readonly receivedStart?: string
  readonly receivedEnd?: string
  readonly search?: string
}

/** An invalid search, which Flower answers with an object. */
export class SearchSyntax extends FlowerError {
  constructor(message: string) {
    super(400, message)
  }
}

const SORTS = ['name', 'state', 'received', 'started'] as const
const PAGE = 500

/** A task of the list, as the member of an object: kept as text, a hundred thousand are a tenth of what they are as objects. */
interface Listed {
  readonly member: string
  readonly sortedBy: string | number
}

/**
 * Lists the requested tasks in Flower's order: by their last event, newest first, unless set otherwise.
 *
 * @returns The members of a JSON object, in this order: in a JavaScript object, ids that are whole numbers would come first.
 * @throws {FlowerError} {SearchSyntax}
 */
export async function listTasks(
  fleet: Fleet,
  request: TaskListRequest,
  maxTasks: number,
): Promise<readonly string[]> {
  const { limit, offset, sortBy } = request
  const node = nodeOf(request, fleet.app.clock.now())
  const { keyOf, sign } = orderOf(sortBy)
  const wanted = limit === undefined ? maxTasks : Math.max(0, limit) + offset
  // In another order, the first tasks may be the last ones found.
  const bound = sortBy === undefined ? Math.min(wanted, maxTasks) : maxTasks
  const found: Listed[] = []
  let before: number | undefined
  while (found.length < bound) {
    const page = await fleet.store.entries({
      plan: { node },
      limit: Math.min(PAGE, bound - found.length),
      ...(before === undefined ? {} : { before }),
    })
    for (const task of page.items)
      found.push({
        member: `${JSON.stringify(task.id)}: ${JSON.stringify(taskDict(task, []))}`,
        sortedBy: keyOf(task),
      })
    before = page.next
    if (before === undefined) break
  }
  found.sort(({ sortedBy: one }, { sortedBy: other }) => (one === other ? 0 : one < other ? -sign : sign))
  return found
    .slice(offset, limit === undefined ? undefined : offset + Math.max(0, limit))
    .map(({ member }) => member)
}

function nodeOf(request: TaskListRequest, nowMs: number): SearchNode {
  const { worker, name, state, receivedStart, receivedEnd, search = '' } = request
  const parsed = parseSearch(search.trim(), { nowMs, isFlower: true })
  if (!parsed.ok) {
    const { message, position } = parsed.error
    throw new SearchSyntax(
      /^Query exceeds/.test(message) ? `${message}.` : `${message} at position ${position}.`,
    )
  }
  const of: SearchNode[] = [parsed.node]
  const is = (field: 'worker' | 'name' | 'state', value: string): void =>
    void of.push({ kind: 'term', field, relation: 'is', value })
  if (worker !== undefined) is('worker', worker)
  if (name !== undefined) is('name', name)
  if (state !== undefined) is('state', state.toUpperCase())
  // A task that no worker has received passes, as in Flower.
  const but = (relation: 'before' | 'after', value: number): void =>
    void of.push({ kind: 'not', of: { kind: 'term', field: 'received', relation, value } })
  if (receivedStart) but('before', timeOf(receivedStart) - 1)
  if (receivedEnd) but('after', timeOf(receivedEnd) + 1)
  return { kind: 'and', of }
}

function timeOf(text: string): number {
  const time = localTime(text, false)?.getTime()
  if (time === undefined)
    throw new FlowerError(400, `time data '${text}' does not match format '%Y-%m-%d %H:%M'`)
  return time
}

function orderOf(sortBy: string | undefined): {
  readonly keyOf: (task: TaskEntry) => string | number
  readonly sign: 1 | -1
} {
  if (sortBy === undefined) return { keyOf: ({ changedMs }) => changedMs, sign: -1 }
  const key = SORTS.find((one) => one === sortBy.replace(/^-/, ''))
  if (key === undefined)
    throw new FlowerError(400, `Tasks cannot be sorted by '${sortBy}': it is one of ${SORTS.join(', ')}`)
  return {
    keyOf: (task) =>
      key === 'name' ? (task.name ?? '') : key === 'state' ? task.state : (task[`${key}Ms`] ?? 0),
    sign: sortBy.startsWith('-') ? -1 : 1,
  }
}
