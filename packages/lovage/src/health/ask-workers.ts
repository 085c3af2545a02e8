import type { AppCore } from '../app/core/index.js'
import { type Answers, type DesertedQueue, desertedQueues } from '../app/fleet/index.js'
import { Inspect } from '../app/operating/index.js'
import { type ClockFinding, workerClocks } from './clocks.js'

const ASK_S = 1
/** How long a worker that does not answer is waited for before it is called blocked: the machine may be busy. */
const SILENT_S = 4

/** What the workers of a fleet have said of themselves. */
export interface Fleet {
  /** Queue → the nodes that consume it. */
  readonly consumers: ReadonlyMap<string, readonly string[]>
  /** The needed queues that no answer names. */
  readonly deserted: ReadonlyMap<string, DesertedQueue>
  readonly stats: Answers<Readonly<Record<string, unknown>>>
  readonly clocks: ClockFinding
}

/** Asks all workers for their queues and statistics; once more, and longer, if one holds messages and did not answer. */
export async function askWorkers(app: AppCore, timeout = ASK_S): Promise<Fleet> {
  const inspect = new Inspect(app, { timeout })
  const askedMs = app.clock.now()
  const [answers, stats] = await Promise.all([inspect.activeQueues(), inspect.stats()])
  const clocks = workerClocks(stats, askedMs, app.clock.now())
  const consumers = new Map<string, string[]>()
  for (const [node, queues] of Object.entries(answers)) {
    // Nodes of any version may reply.
    for (const queue of Array.isArray(queues) ? queues : []) {
      const name = String((queue as { readonly name?: unknown }).name)
      consumers.set(name, [...(consumers.get(name) ?? []), node])
    }
  }
  const deserted = await desertedQueues(app, new Set(consumers.keys()))
  if (timeout < SILENT_S && [...deserted.values()].some(({ isHeld }) => isHeld))
    return askWorkers(app, SILENT_S)
  return { consumers, deserted, stats, clocks }
}
