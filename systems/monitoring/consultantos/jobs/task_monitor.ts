import type { Lovage } from 'lovage'
import { getAllDeadLetterQueues, inspectDeadLetterQueue, purgeDeadLetterQueue } from 'lovage/compat'
import { app } from './celery_app.js'

/** Looks after dead letters, under the names of the operations guide. Queues of them end in `.dead`. */
export const getDlqMonitor = (of: Lovage = app) => ({
  /** Every queue of dead letters, and how many it holds. */
  getAllDeadLetterQueues: () => getAllDeadLetterQueues(of),
  /** The newest failures of a queue; they stay. */
  inspectDeadLetterQueue: (queue: string, options: { readonly limit?: number } = {}) =>
    inspectDeadLetterQueue(of, queue, options.limit),
  /** Removes the failures of a queue for good; tells how many. */
  purgeDeadLetterQueue: (queue: string) => purgeDeadLetterQueue(of, queue),
})
