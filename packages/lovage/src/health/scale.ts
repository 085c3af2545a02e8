import type { AppCore } from '../app/core/index.js'
import { knownQueues, pausedQueues } from '../app/fleet/index.js'
import { Inspect } from '../app/operating/index.js'
import type { QueueDepth } from '../broker/index.js'
import { keepsNoAgreements } from '../drivers/index.js'
import { ConfigurationError, ConnectionError } from '../kernel/index.js'
import { oldestAge, oldestOverdue } from './oldest-age.js'
import { desiredReplicas, type QueueLoad, type ScalePolicy } from './scale-policy.js'

/** The load of a queue, and the number of replicas for it: what an autoscaler reads. */
export interface QueueScale extends QueueLoad {
  readonly queue: string
  /** Seconds for which the oldest of the next messages has been waiting; 0 when none waits, null where the broker cannot tell. */
  readonly oldestAgeSeconds: number | null
  /** The number of replicas that the policy calls for. */
  readonly desired: number
  /** Tasks that one replica runs at once, as reckoned with. */
  readonly slots: number
  /** ISO 8601. */
  readonly checkedAt: string
}

/** How long workers have to answer, where the broker does not count what they hold. */
const ASK_S = 1

/**
 * Returns the load of a queue and the replicas for it. All or nothing: what cannot be determined is an error, never a 0 that would make an
 * autoscaler stop the workers of a queue with tasks.
 *
 * @throws {ConfigurationError} LVG_USAGE for a queue that neither the app nor the broker knows.
 * @throws {ConnectionError} LVG_CONNECTION_FAILED when the broker, or a worker that holds messages, does not answer.
 */
export async function getScale(app: AppCore, queue: string, policy: ScalePolicy): Promise<QueueScale> {
  const nowMs = app.clock.now()
  const broker = await app.broker()
  const depths = await broker.depths([queue], { unacked: true, dueByMs: nowMs + (policy.ahead ?? 0) * 1000 })
  const depth: QueueDepth = depths.get(queue) ?? { ready: 0 }
  const { ready, due = 0 } = depth
  const [running, paused, known] = await Promise.all([
    depth.unacked ?? runningOf(app, queue, depth.consumers ?? 0),
    isPaused(app, queue),
    ready + due + (depth.unacked ?? 0) + (depth.delayed ?? 0) > 0 ? true : isKnown(app, queue),
  ])
  const load = { backlog: ready + due, running, paused }
  if (!known && running === 0)
    throw new ConfigurationError(`There is no queue ${queue}: neither the app nor the broker knows it.`, {
      code: 'LVG_USAGE',
      hint: 'Correct its name, or declare it in taskQueues.',
    })
  return {
    queue,
    ...load,
    oldestAgeSeconds: await ageOf(app, queue, ready, due),
    desired: desiredReplicas(load, policy),
    slots: policy.slots,
    checkedAt: new Date(nowMs).toISOString(),
  }
}

async function ageOf(app: AppCore, queue: string, ready: number, due: number): Promise<number | null> {
  if (ready + due === 0) return 0
  const ages = await Promise.all([
    ready > 0 ? oldestAge(app, queue) : undefined,
    due > 0 ? oldestOverdue(app, queue) : undefined,
  ])
  const known = ages.filter((age) => age !== undefined)
  return known.length === 0 ? null : Math.max(...known)
}

/** Counts what workers hold of a queue, by asking them. A connected consumer that does not answer leaves it unknown. */
async function runningOf(app: AppCore, queue: string, consumers: number): Promise<number> {
  const inspect = new Inspect(app, { timeout: ASK_S })
  const [queues, active, reserved] = await Promise.all([
    inspect.activeQueues(),
    inspect.active(),
    inspect.reserved(),
  ])
  let answered = 0
  let running = 0
  for (const [node, theirs] of Object.entries(queues)) {
    // Nodes of any version may answer, and some with an error.
    const names = Array.isArray(theirs) ? theirs.map(({ name }) => String(name)) : []
    if (!names.includes(queue)) continue
    const held = [active[node], reserved[node]]
    if (!held.every((tasks) => Array.isArray(tasks))) continue
    answered++
    // Routing keys are not queues: what is not certainly of another queue counts, because too much is safer than too little.
    const others = theirs.flatMap(({ name, routing_key }) =>
      name === queue ? [] : [String(name), String(routing_key)],
    )
    const isOther = (key: string): boolean =>
      others.some((other) => key === other || key.endsWith(`.${other}`))
    running += held.flat().filter((task) => !isOther(String(task?.delivery_info?.routing_key))).length
  }
  if (answered < consumers)
    throw new ConnectionError(
      `${queue} has ${consumers} consumers, but only ${answered} workers answered when asked what they hold`,
      {
        code: 'LVG_CONNECTION_FAILED',
        hint: 'A worker with a blocked event loop does not answer, and neither does a Python worker of the solo pool that runs a task.',
      },
    )
  return running
}

async function isKnown(app: AppCore, queue: string): Promise<boolean> {
  if ((await knownQueues(app)).includes(queue)) return true
  const { admin } = await app.broker()
  return ((await admin.existing?.([queue])) ?? []).length > 0
}

async function isPaused(app: AppCore, queue: string): Promise<boolean> {
  try {
    return (await pausedQueues(app)).includes(queue)
  } catch (error) {
    // A broker that only keeps messages: nothing can be paused for the whole fleet.
    if (keepsNoAgreements(error)) return false
    throw error
  }
}
