import { crontab, type DeadLetterQuery, type ReportedFailure } from 'lovage'
import {
  cleanupOldDeadLetterTasks,
  processDeadLetterTask as keep,
  retryDeadLetterTask as retry,
  getDeadLetterStats as statsOf,
  getDeadLetterTasks as tasksOf,
} from 'lovage/compat'
import { z } from 'zod'
import { app } from '../celery.js'

/** Keeps a failure that happened outside of a task; gives its id. Those of tasks are kept by themselves. */
export const processDeadLetterTask = (failure: ReportedFailure) => keep(app, failure)
/** Failures by queue, task, reason and error. */
export const getDeadLetterStats = () => statsOf(app)
/** Failures, newest first, filtered. */
export const getDeadLetterTasks = (query: DeadLetterQuery = {}) => tasksOf(app, query)

/** Sends failed tasks back to the queues that they came from. */
export const retryDeadLetters = app.task({
  name: 'app.workers.dead_letter.retry_dead_letter_tasks',
  input: z.object({ ids: z.array(z.string()).min(1) }),
  params: ['ids'],
  run: async (_ctx, { ids }) => {
    let retried = 0
    for (const id of ids) if (await retry(app, id)) retried++
    return { retried }
  },
})

/** Daily: removes failures of more than thirty days whose task has succeeded since. */
export const cleanupOldDeadLetters = app.task({
  name: 'app.workers.dead_letter.cleanup_old_dead_letter_tasks',
  run: async () => ({ removed: await cleanupOldDeadLetterTasks(app, 30) }),
})
app.addPeriodicTask(crontab({ hour: 3, minute: 30 }), cleanupOldDeadLetters, { name: 'cleanup-dead-letters' })
