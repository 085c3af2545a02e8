/**
 * The functions and records of Python task systems built on Celery, under the names that their users know.
 *
 * @module lovage/compat
 */
import { coreOf } from '../app/core/index.js'
import type { Answers } from '../app/fleet/index.js'
import type { Lovage } from '../app/index.js'
import type { RequestInfo } from '../app/operating/index.js'
import type { TaskStatus } from '../health/index.js'

export type { TaskStatus } from '../health/index.js'
export {
  cleanupOldDeadLetterTasks,
  type DeadLetterTask,
  type DlqMonitor,
  getAllDeadLetterQueues,
  getDeadLetterStats,
  getDeadLetterTasks,
  getDlqMonitor,
  inspectDeadLetterQueue,
  processDeadLetterTask,
  purgeDeadLetterQueue,
  retryDeadLetterTask,
  type WithDeadLetters,
} from './letter-functions.js'

/**
 * The outcome of a task.
 *
 * @example
 * import { getTaskStatus } from 'lovage/compat'
 * const { status, result } = await getTaskStatus(app, id)
 */
export async function getTaskStatus(app: Lovage, id: string): Promise<TaskStatus> {
  return (await import('../health/index.js')).getTaskStatus(coreOf(app), id)
}

/**
 * Keeps a task from running; with `terminate` a running one is stopped.
 *
 * @example
 * import { revokeTask } from 'lovage/compat'
 * await revokeTask(app, id, { terminate: true })
 */
export const revokeTask = (
  app: Lovage,
  id: string,
  options?: { readonly terminate?: boolean },
): Promise<void> => app.control.revoke(id, options)

/**
 * Tasks running now, by worker.
 *
 * @example
 * import { getActiveTasks } from 'lovage/compat'
 * console.log(await getActiveTasks(app))
 */
export const getActiveTasks = (app: Lovage): Promise<Answers<readonly RequestInfo[]>> =>
  app.control.inspect().active()

/**
 * Workers' statistics and configuration, by worker.
 *
 * @example
 * import { getWorkerStats } from 'lovage/compat'
 * console.log(Object.keys(await getWorkerStats(app)))
 */
export const getWorkerStats = (app: Lovage): Promise<Answers<Readonly<Record<string, unknown>>>> =>
  app.control.inspect().stats()
