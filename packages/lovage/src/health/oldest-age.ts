import type { AppCore } from '../app/core/index.js'
import { Queues } from '../app/operating/index.js'

/** The number of next messages examined; lower-priority ones may be older. */
const LOOKED_AT = 20

/** Seconds for which the oldest of a queue's next messages has been waiting; undefined when none waits, or it is unknown. */
export async function oldestAge(app: AppCore, queue: string): Promise<number | undefined> {
  if (!(await app.broker()).capabilities.browsing) return undefined
  const { items } = await new Queues(app).list(queue, { state: 'ready', limit: LOOKED_AT })
  const since = items.flatMap(({ waitingSinceMs }) => waitingSinceMs ?? [])
  return since.length === 0 ? undefined : secondsSince(app, Math.min(...since))
}

/** Seconds since the first delayed message of a queue was due; undefined when none is due, or it is unknown. */
export async function oldestOverdue(app: AppCore, queue: string): Promise<number | undefined> {
  if (!(await app.broker()).capabilities.browsing) return undefined
  const { items } = await new Queues(app).list(queue, { state: 'delayed', limit: 1 })
  const dueMs = items[0]?.dueMs
  return dueMs === undefined || dueMs > app.clock.now() ? undefined : secondsSince(app, dueMs)
}

const secondsSince = (app: AppCore, ms: number): number =>
  Math.max(0, Math.floor((app.clock.now() - ms) / 1000))
