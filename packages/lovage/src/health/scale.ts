import type { AppCore } from '../app/core/index.js'
import { type Answers, knownQueues, pausedQueues } from '../app/fleet/index.js'
import { Inspect, type RequestInfo } from '../app/operating/index.js'
import type { QueueDepth } from '../broker/index.js'
import { keepsNoAgreements } from '../drivers/index.js'
import { ConfigurationError, ConnectionError, counted } from '../kernel/index.js'
import { oldestAge, oldestOverdue } from './oldest-age.js'
import { desiredReplicas, type QueueLoad, type ScalePolicy } from './scale-policy.js'

/** The load of one or several queues, and the number of replicas for it: what an autoscaler reads. */
export interface QueueScale extends QueueLoad {
  readonly queues: readonly string[]
  /** Delayed messages that are not due yet; null where the broker cannot tell. */
  readonly delayed: number | null
  /** Seconds for which the oldest of the next messages has been waiting; 0 when none waits, null where the broker cannot tell. */
  readonly oldestAgeSeconds: number | null
  /** The number of replicas that the policy calls for. */
  readonly desired: number
  /** The queues that are paused: their backlog calls for no replicas. */
  readonly paused: readonly string[]
  /** Tasks that one replica runs at once, as reckoned with. */
  readonly slots: number
  /** ISO 8601. */
  readonly checkedAt: string
}

/** How long workers have to answer, where the broker does not count what they hold. */
const ASK_S = 1

/** One queue's part of a load. */
interface Part {
  readonly queue: string
  readonly ready: number
  readonly due: number
  readonly delayed: number | undefined
  readonly running: number
}

/**
 * Returns the load of queues that the same workers consume, and the replicas for it. All or nothing: what cannot be determined is an
 * error, never a 0 that would make an autoscaler stop the workers of a queue with tasks.
 *
 * @throws {ConfigurationError} LVG_USAGE for a queue that neither the app nor the broker knows.
 * @throws {ConnectionError} LVG_CONNECTION_FAILED when the broker, or a worker that holds messages, does not answer.
 */
export async function getScale(
  app: AppCore,
  queues: readonly string[],
  policy: ScalePolicy,
): Promise<QueueScale> {
  const nowMs = app.clock.now()
  const broker = await app.broker()
  const dueByMs = nowMs + (policy.ahead ?? 0) * 1000
  const [depths, paused] = await Promise.all([
    broker.depths(queues, { unacked: true, dueByMs }),
    pausedOf(app, queues),
  ])
  const held = await runningOf(app, queues, depths)
  const parts = queues.map((queue): Part => {
    const { ready = 0, due = 0, delayed } = depths.get(queue) ?? {}
    return { queue, ready, due, delayed, running: held.get(queue) ?? 0 }
  })
  await refuseUnknown(
    app,
    parts.flatMap(({ queue, ready, running, delayed = 0 }) => (ready + running + delayed > 0 ? [] : [queue])),
  )
  const running = sumOf(parts, ({ running }) => running)
  const backlog = sumOf(parts, ({ ready, due }) => ready + due)
  const blocked = sumOf(parts, ({ queue, ready, due }) => (paused.includes(queue) ? ready + due : 0))
  const ages = await Promise.all(parts.map((part) => ageOf(app, part)))
  return {
    queues,
    backlog,
    running,
    delayed: parts.some(({ delayed }) => delayed === undefined)
      ? null
      : sumOf(parts, ({ delayed = 0, due }) => delayed - due),
    oldestAgeSeconds: ages.includes(undefined) ? null : Math.max(...ages.map((age) => age ?? 0)),
    desired: desiredReplicas({ backlog: backlog - blocked, running }, policy),
    paused,
    slots: policy.slots,
    checkedAt: new Date(nowMs).toISOString(),
  }
}

const sumOf = (parts: readonly Part[], valueIn: (part: Part) => number): number =>
  parts.reduce((sum, part) => sum + valueIn(part), 0)

async function ageOf(app: AppCore, { queue, ready, due }: Part): Promise<number | undefined> {
  if (ready + due === 0) return 0
  const ages = await Promise.all([
    ready > 0 ? oldestAge(app, queue) : undefined,
    due > 0 ? oldestOverdue(app, queue) : undefined,
  ])
  const known = ages.filter((age) => age !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** A misspelt queue must not look like an empty one, whose workers may all be stopped. */
async function refuseUnknown(app: AppCore, empty: readonly string[]): Promise<void> {
  if (empty.length === 0) return
  const known = await knownQueues(app)
  const strange = empty.filter((queue) => !known.includes(queue))
  if (strange.length === 0) return
  const { admin } = await app.broker()
  const existing = (await admin.existing?.(strange)) ?? []
  const [missing] = strange.filter((queue) => !existing.includes(queue))
  if (missing === undefined) return
  throw new ConfigurationError(`There is no queue ${missing}: neither the app nor the broker knows it.`, {
    code: 'LVG_USAGE',
    hint: 'Correct its name, or declare it in taskQueues.',
  })
}

/** What is claimed of each queue: as the broker counts it, else as the workers say. */
async function runningOf(
  app: AppCore,
  queues: readonly string[],
  depths: ReadonlyMap<string, QueueDepth>,
): Promise<ReadonlyMap<string, number>> {
  const isCounted = queues.every((queue) => depths.get(queue)?.unacked !== undefined)
  if (isCounted) return new Map(queues.map((queue) => [queue, depths.get(queue)?.unacked ?? 0]))
  const inspect = new Inspect(app, { timeout: ASK_S })
  const [consumed, active, reserved] = await Promise.all([
    inspect.activeQueues(),
    inspect.active(),
    inspect.reserved(),
  ])
  const heldOf = (queue: string): number =>
    heldByFleet(queue, depths.get(queue)?.consumers ?? 0, { consumed, active, reserved })
  return new Map(queues.map((queue) => [queue, heldOf(queue)]))
}

/** The replies of a fleet. */
interface FleetReplies {
  readonly consumed: Answers<readonly Readonly<Record<string, unknown>>[]>
  readonly active: Answers<readonly RequestInfo[]>
  readonly reserved: Answers<readonly RequestInfo[]>
}

/** Counts what workers say that they hold of a queue. A connected consumer that does not answer leaves it unknown. */
function heldByFleet(queue: string, consumers: number, { consumed, active, reserved }: FleetReplies): number {
  let answered = 0
  let running = 0
  for (const [node, theirs] of Object.entries(consumed)) {
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
      `${queue} has ${counted(consumers, 'consumer')}, but only ${counted(answered, 'worker')} answered when asked what they hold`,
      {
        code: 'LVG_CONNECTION_FAILED',
        hint: 'A worker with a blocked event loop does not answer, and neither does a Python worker of the solo pool that runs a task.',
      },
    )
  return running
}

async function pausedOf(app: AppCore, queues: readonly string[]): Promise<readonly string[]> {
  try {
    const paused = await pausedQueues(app)
    return queues.filter((queue) => paused.includes(queue))
  } catch (error) {
    // A broker that only keeps messages: nothing can be paused for the whole fleet.
    if (keepsNoAgreements(error)) return []
    throw error
  }
}
