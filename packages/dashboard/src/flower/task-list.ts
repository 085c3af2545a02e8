import type { Fleet } from '../fleets/fleet.js'
import type { TaskEntry } from '../history/task-entry.js'
import { parseSearch } from '../search/parse-search.js'
import type { SearchNode } from '../search/search-node.js'
import { FlowerError } from './flower-request.js'

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

/**
 * Lists the requested tasks in Flower's order: by their last event, newest first, unless set otherwise. @throws {FlowerError}
 * {SearchSyntax}
 */
export async function listTasks(
  fleet: Fleet,
  request: TaskListRequest,
  maxTasks: number,
): Promise<readonly TaskEntry[]> {
  const { limit, offset, sortBy } = request
  const node = nodeOf(request, fleet.app.clock.now())
  const order = orderOf(sortBy)
  const wanted = limit === undefined ? maxTasks : Math.max(0, limit) + offset
  // In another order, the first tasks may be the last ones found.
  const bound = sortBy === undefined ? Math.min(wanted, maxTasks) : maxTasks
  const found: TaskEntry[] = []
  let before: number | undefined
  while (found.length < bound) {
    const page = await fleet.store.tasks({
      plan: { node },
      limit: Math.min(PAGE, bound - found.length),
      ...(before === undefined ? {} : { before }),
    })
    const entries = new Map(
      (await fleet.store.find(page.items.map(({ id }) => id))).map((entry) => [entry.id, entry]),
    )
    found.push(...page.items.flatMap(({ id }) => entries.get(id) ?? []))
    before = page.next
    if (before === undefined) break
  }
  return found.sort(order).slice(offset, limit === undefined ? undefined : offset + Math.max(0, limit))
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

/** `%Y-%m-%d %H:%M`, by the clock of this machine. */
function timeOf(text: string): number {
  const [, year, month, day, hour, minute] =
    /^(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2})$/.exec(text) ?? []
  if (year === undefined)
    throw new FlowerError(400, `time data '${text}' does not match format '%Y-%m-%d %H:%M'`)
  return new Date(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)).getTime()
}

function orderOf(sortBy: string | undefined): (one: TaskEntry, other: TaskEntry) => number {
  if (sortBy === undefined) return (one, other) => other.changedMs - one.changedMs
  const isDescending = sortBy.startsWith('-')
  const key = SORTS.find((one) => one === sortBy.replace(/^-/, ''))
  if (key === undefined)
    throw new FlowerError(400, `Tasks cannot be sorted by '${sortBy}': it is one of ${SORTS.join(', ')}`)
  const sortedBy = (task: TaskEntry): string | number =>
    key === 'name' ? (task.name ?? '') : key === 'state' ? task.state : (task[`${key}Ms`] ?? 0)
  const sign = isDescending ? -1 : 1
  return (one, other) => {
    const [left, right] = [sortedBy(one), sortedBy(other)]
    return left === right ? 0 : left < right ? -sign : sign
  }
}
