import type { QueueDepth } from '../../broker/index.js'
import type { AppCore } from '../core/index.js'
import { queuesInRoutes } from '../routing/index.js'
import { type RedeliveredTask, redeliveredTasks } from './redelivered.js'

/** A queue and its message counts. */
export interface QueueReport extends QueueDepth {
  readonly name: string
  /** Dead letters that came from it. */
  readonly dead: number
}

/** A queue with the tasks in it that one worker after the other was lost with. */
export interface FullQueueReport extends QueueReport {
  readonly redelivered: readonly RedeliveredTask[]
}

/** Queues that the settings, the routes or the tasks name, followed by other existing ones. */
export async function knownQueues(app: AppCore): Promise<readonly string[]> {
  const broker = await app.broker()
  const declared = app.router.declared.map(({ name }) => name)
  const ofTasks = [...app.tasks].flatMap((task) => task.options.queue ?? [])
  const named = [...declared, ...queuesInRoutes(app.conf.taskRoutes), ...ofTasks]
  const existing = (await broker.admin.queues()).filter((name) => !PRIVATE.test(name))
  return [...new Set([...named, ...existing])]
}

/** Queues for remote control and events: each process has its own, and they hold no tasks. */
const PRIVATE = /\.pidbox$|^celeryev\./

/** The default destination of the tasks implemented here: task name → queue. */
export function queueOfTasks(app: AppCore): ReadonlyMap<string, string> {
  const queues = new Map<string, string>()
  for (const { name, options } of app.tasks) {
    if (name.startsWith('celery.')) continue
    const { queue } = app.router.route(name, [], {}, options)
    if (queue) queues.set(name, queue.name)
  }
  return queues
}

/** The queues that need a worker, because settings, routes or tasks send there, with the tasks of this program that go to each. */
export function neededQueues(app: AppCore): ReadonlyMap<string, readonly string[]> {
  const routed = queuesInRoutes(app.conf.taskRoutes)
  const needed = new Map<string, string[]>(
    [...app.router.declared.map(({ name }) => name), ...routed].map((name) => [name, []]),
  )
  for (const [task, queue] of queueOfTasks(app)) needed.set(queue, [...(needed.get(queue) ?? []), task])
  return needed
}

/** A needed queue that no worker said it consumes. */
export interface DesertedQueue {
  /** The tasks of this program that go there. */
  readonly tasks: readonly string[]
  /** Whether workers hold messages of it, or are connected to it, all the same: they do not answer. */
  readonly isHeld: boolean
}

/**
 * The needed queues that lack a worker, if these are consumed. The default queue is not among them while all tasks of this program go to
 * others and nothing waits in it.
 */
export async function desertedQueues(
  app: AppCore,
  consumed: ReadonlySet<string>,
): Promise<ReadonlyMap<string, DesertedQueue>> {
  const lacking = [...neededQueues(app)].filter(([queue]) => !consumed.has(queue))
  if (lacking.length === 0) return new Map()
  const names = lacking.map(([queue]) => queue)
  const depths = await (await app.broker()).depths(names, { unacked: true })
  const { taskDefaultQueue: byDefault, taskQueues } = app.conf
  const isListed = taskQueues.some((queue) => (typeof queue === 'string' ? queue : queue.name) === byDefault)
  const hasOthers = !isListed && queueOfTasks(app).size > 0
  const deserted = new Map<string, DesertedQueue>()
  for (const [queue, tasks] of lacking) {
    const { ready = 0, delayed = 0, unacked = 0, consumers = 0 } = depths.get(queue) ?? {}
    const isUnused = hasOthers && queue === byDefault && tasks.length === 0
    if (isUnused && ready + delayed + unacked === 0) continue
    deserted.set(queue, { tasks, isHeld: unacked + consumers > 0 })
  }
  return deserted
}

/** The message counts of these queues. */
export async function queueReport(app: AppCore, names: readonly string[]): Promise<readonly QueueReport[]> {
  const broker = await app.broker()
  const [depths, dead] = await Promise.all([
    broker.depths(names, { unacked: true }),
    broker.deadLetters.count(),
  ])
  return names.map((name) => ({
    name,
    ...(depths.get(name) ?? { ready: 0 }),
    dead: dead.get(name) ?? 0,
  }))
}

/** The message counts of these queues, and which of their tasks have lost several workers. */
export async function fullQueueReport(
  app: AppCore,
  names: readonly string[],
): Promise<readonly FullQueueReport[]> {
  const [reports, lost] = await Promise.all([queueReport(app, names), redeliveredTasks(app)])
  return reports.map((report) => ({
    ...report,
    redelivered: lost.filter(({ queue }) => queue === report.name),
  }))
}
