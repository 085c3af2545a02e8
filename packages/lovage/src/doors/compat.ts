/**
 * `lovage/compat`: the functions and the rows of task systems in Python that were built on Celery, under the names that
 * their users know.
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
  getAllDeadLetterQueues,
  getDeadLetterStats,
  getDeadLetterTasks,
  inspectDeadLetterQueue,
  processDeadLetterTask,
  purgeDeadLetterQueue,
  retryDeadLetterTask,
} from './letter-functions.js'

/** What became of a task. */
export async function getTaskStatus(app: Lovage, id: string): Promise<TaskStatus> {
  return (await import('../health/index.js')).getTaskStatus(coreOf(app), id)
}

/** Keeps a task from running; with `terminate` it is stopped where it runs. */
export const revokeTask = (
  app: Lovage,
  id: string,
  options?: { readonly terminate?: boolean },
): Promise<void> => app.control.revoke(id, options)

/** Tasks that run now, by worker. */
export const getActiveTasks = (app: Lovage): Promise<Answers<readonly RequestInfo[]>> =>
  app.control.inspect().active()

/** What workers have done and how they are set up, by worker. */
export const getWorkerStats = (app: Lovage): Promise<Answers<Readonly<Record<string, unknown>>>> =>
  app.control.inspect().stats()
