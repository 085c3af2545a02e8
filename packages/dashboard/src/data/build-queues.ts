import type { QueuedTask } from 'lovage'
import type { Fleet } from '../fleets/fleet.js'
import { consumersOf, queueLines } from '../fleets/queue-lines.js'
import type { QueueLine } from './overview.js'
import type { QueuedLine, QueuePage, QueuesPage } from './queues-page.js'

/** The number of messages examined for the priority counts. */
const LOOKED_AT = 500
const OTHERS = 200

/** The queues page. */
export async function buildQueues(
  fleet: Fleet,
  {
    q,
    sort,
    after,
    limit,
  }: { readonly q: string; readonly sort: 'ready' | 'name'; readonly after: number; readonly limit: number },
): Promise<QueuesPage> {
  await fleet.askSoon(['active_queues'])
  const lines = (await queueLines(fleet)) ?? []
  const wanted = q.toLowerCase()
  const matching = lines.filter(({ name }) => name.toLowerCase().includes(wanted))
  const byName = (one: QueueLine, other: QueueLine): number => (one.name < other.name ? -1 : 1)
  matching.sort((one, other) =>
    sort === 'name' ? byName(one, other) : other.ready - one.ready || byName(one, other),
  )
  const end = after + limit
  return {
    q,
    sort,
    items: matching.slice(after, end),
    count: matching.length,
    next: end < matching.length ? end : null,
  }
}

/** The page of a queue. Viewing consumes nothing. */
export async function buildQueue(
  fleet: Fleet,
  name: string,
  request: {
    readonly state?: 'ready' | 'delayed' | 'unacked'
    readonly after?: string
    readonly limit: number
  },
): Promise<QueuePage> {
  await fleet.askSoon(['active_queues'])
  const lines = (await queueLines(fleet)) ?? []
  const line = lines.find((one) => one.name === name) ?? unknown(name)
  const [page, sample] = await Promise.all([
    fleet.tried('broker', () => fleet.app.queues.list(name, request)),
    fleet.tried('broker', () => fleet.app.queues.list(name, { state: 'ready', limit: LOOKED_AT })),
  ])
  const waitingSince = sample?.items.flatMap(({ waitingSinceMs }) => waitingSinceMs ?? [])
  const nowMs = fleet.app.clock.now()
  return {
    line,
    workers: consumersOf(fleet)?.get(name) ?? [],
    oldestSeconds:
      waitingSince && waitingSince.length > 0 ? Math.max(0, nowMs - Math.min(...waitingSince)) / 1000 : null,
    priorities: sample ? prioritiesOf(sample.items) : null,
    priorityOf: sample?.items.length ?? 0,
    state: request.state ?? null,
    items: page ? page.items.map(queuedLine) : null,
    next: page?.next ?? null,
    others: lines
      .map((one) => one.name)
      .filter((one) => one !== name)
      .slice(0, OTHERS),
  }
}

const unknown = (name: string): QueueLine => ({
  name,
  ready: 0,
  delayed: null,
  unacked: null,
  dead: 0,
  isPaused: false,
  consumers: null,
})

function queuedLine(task: QueuedTask): QueuedLine {
  return {
    id: task.id,
    name: task.shadow ?? task.task ?? null,
    state: task.state,
    args: task.argsrepr,
    kwargs: task.kwargsrepr,
    retries: task.retries,
    origin: task.origin,
    priority: task.priority ?? null,
    dueMs: task.dueMs ?? null,
    waitingSinceMs: task.waitingSinceMs ?? null,
  }
}

function prioritiesOf(tasks: readonly QueuedTask[]): QueuePage['priorities'] {
  const counts = new Map<number | null, number>()
  for (const { priority = null } of tasks) counts.set(priority, (counts.get(priority) ?? 0) + 1)
  return [...counts]
    .map(([priority, count]) => ({ priority, count }))
    .sort((one, other) => (other.priority ?? -1) - (one.priority ?? -1))
}
