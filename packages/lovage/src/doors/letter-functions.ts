import type { DeadLetters, ReportedFailure } from '../app/operating/index.js'
import type { DeadLetter, DeadLetterQuery } from '../dead-letter/index.js'

/** An app, as far as these functions are concerned. */
export interface WithDeadLetters {
  readonly deadLetters: DeadLetters
}

/** A dead letter under the names that Celery's users know. */
export interface DeadLetterTask {
  readonly id: string
  readonly task_id: string | null
  readonly task_name: string | null
  /** Type and message of the last error. */
  readonly exception: string
  readonly traceback: string | null
  /** ISO 8601. */
  readonly failed_at: string
  /** Secrets masked, because this is for display; null when the message cannot be read. */
  readonly args: readonly unknown[] | null
  readonly kwargs: Readonly<Record<string, unknown>> | null
  readonly queue: string
  readonly retry_count: number
}

/** Dead-letter queues are shown under the name of their original queue, with this suffix. */
const SUFFIX = '.dead'

/**
 * Stores a failure as a dead letter; returns its id.
 *
 * @example
 * import { processDeadLetterTask } from 'lovage/compat'
 * const letterId = await processDeadLetterTask(app, { task: 'mail.send', args: ['ada'], error: new Error('refused') })
 */
export const processDeadLetterTask = (app: WithDeadLetters, failure: ReportedFailure): Promise<string> =>
  app.deadLetters.add(failure)

/**
 * Sends a letter, by its id or its task's, back to its queue; returns whether there was one.
 *
 * @example
 * import { retryDeadLetterTask } from 'lovage/compat'
 * const wasThere = await retryDeadLetterTask(app, id)
 */
export async function retryDeadLetterTask(app: WithDeadLetters, id: string): Promise<boolean> {
  return (await app.deadLetters.retry(id)).retried > 0
}

/**
 * Removes resolved letters older than this many days, with `unresolved` the others too; returns how many.
 *
 * @example
 * import { cleanupOldDeadLetterTasks } from 'lovage/compat'
 * console.log(await cleanupOldDeadLetterTasks(app, 30))
 */
export const cleanupOldDeadLetterTasks = (
  app: WithDeadLetters,
  days = 30,
  options: { readonly unresolved?: boolean } = {},
): Promise<number> => app.deadLetters.cleanup(days, options)

/**
 * Letters by queue, task, reason and error.
 *
 * @example
 * import { getDeadLetterStats } from 'lovage/compat'
 * const { total, byTask } = await getDeadLetterStats(app)
 */
export const getDeadLetterStats = (app: WithDeadLetters) => app.deadLetters.stats()

/**
 * Letters, newest first; default the newest 100.
 *
 * @example
 * import { getDeadLetterTasks } from 'lovage/compat'
 * for (const { task_name, exception } of await getDeadLetterTasks(app, { queue: 'mail' })) console.log(task_name, exception)
 */
export async function getDeadLetterTasks(
  app: WithDeadLetters,
  query: DeadLetterQuery = {},
): Promise<readonly DeadLetterTask[]> {
  const { items } = await app.deadLetters.list(query)
  return Promise.all(items.map((letter) => rowOf(app, letter)))
}

/**
 * `<queue>.dead` and its number of letters.
 *
 * @example
 * import { getAllDeadLetterQueues } from 'lovage/compat'
 * console.log(await getAllDeadLetterQueues(app)) // { 'mail.dead': 3 }
 */
export async function getAllDeadLetterQueues(
  app: WithDeadLetters,
): Promise<Readonly<Record<string, number>>> {
  const counts = await app.deadLetters.queues()
  return Object.fromEntries([...counts].map(([queue, count]) => [queue + SUFFIX, count]))
}

/**
 * The newest letters of a queue, `mail` or `mail.dead`; they stay in place.
 *
 * @example
 * import { inspectDeadLetterQueue } from 'lovage/compat'
 * const newest = await inspectDeadLetterQueue(app, 'mail.dead', 10)
 */
export const inspectDeadLetterQueue = (
  app: WithDeadLetters,
  queue: string,
  limit = 10,
): Promise<readonly DeadLetterTask[]> => getDeadLetterTasks(app, { queue: originOf(queue), limit })

/**
 * Deletes all letters of a queue, `mail` or `mail.dead`, permanently; returns how many.
 *
 * @example
 * import { purgeDeadLetterQueue } from 'lovage/compat'
 * console.log(`Purged ${await purgeDeadLetterQueue(app, 'mail.dead')} messages`)
 */
export const purgeDeadLetterQueue = (app: WithDeadLetters, queue: string): Promise<number> =>
  app.deadLetters.purge({ queue: originOf(queue) })

/** Looks after the dead letters of one app; a queue's name may end in `.dead`. */
export interface DlqMonitor {
  /** Every queue of dead letters, `<queue>.dead`, and how many it holds. */
  getAllDeadLetterQueues(): Promise<Readonly<Record<string, number>>>
  /** The newest letters of a queue, secrets masked (default 10); they stay in place. */
  inspectDeadLetterQueue(
    queue: string,
    options?: { readonly limit?: number },
  ): Promise<readonly DeadLetterTask[]>
  /**
   * Sends all letters of a queue back to where they came from; returns how many. Unlike sending the same task anew, it loses and doubles
   * none, keeps each id and its place in a canvas, and sends what listings mask.
   */
  requeueDeadLetterQueue(queue: string): Promise<number>
  /** Deletes all letters of a queue, permanently; returns how many. */
  purgeDeadLetterQueue(queue: string): Promise<number>
}

/**
 * The functions for dead letters as one object, as `get_dlq_monitor()` gives them.
 *
 * @example
 * ```ts
 * import { Lovage } from 'lovage'
 * import { getDlqMonitor } from 'lovage/compat'
 *
 * const app = new Lovage('consultantos')
 * const monitor = getDlqMonitor(app)
 * console.log(await monitor.getAllDeadLetterQueues()) // { 'critical.dead': 3 }
 * for (const task of await monitor.inspectDeadLetterQueue('critical.dead', { limit: 10 }))
 *   console.log(task.task_id, task.task_name, task.exception, task.failed_at)
 * console.log(`Purged ${await monitor.purgeDeadLetterQueue('critical.dead')} messages`)
 * ```
 */
export const getDlqMonitor = (app: WithDeadLetters): DlqMonitor => ({
  getAllDeadLetterQueues: () => getAllDeadLetterQueues(app),
  inspectDeadLetterQueue: (queue, { limit } = {}) => inspectDeadLetterQueue(app, queue, limit),
  requeueDeadLetterQueue: async (queue) => (await app.deadLetters.retry({ queue: originOf(queue) })).retried,
  purgeDeadLetterQueue: (queue) => purgeDeadLetterQueue(app, queue),
})

const originOf = (queue: string): string => (queue.endsWith(SUFFIX) ? queue.slice(0, -SUFFIX.length) : queue)

async function rowOf({ deadLetters }: WithDeadLetters, letter: DeadLetter): Promise<DeadLetterTask> {
  const opened = await deadLetters.open(letter)
  const shown = deadLetters.shownCall(opened)
  const { id, taskId, task, error, failedMs, queue, retries } = letter
  return {
    id,
    task_id: taskId,
    task_name: task,
    exception: `${error.type}: ${error.message}`,
    traceback: error.traceback,
    failed_at: new Date(failedMs).toISOString(),
    args: shown?.args ?? null,
    kwargs: shown?.kwargs ?? null,
    queue,
    retry_count: retries,
  }
}
