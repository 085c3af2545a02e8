import { coreOf, type WorkerStep } from '../app/core/index.js'
import type { Lovage } from '../app/index.js'
import type { DogstatsdOptions } from '../dogstatsd/index.js'
import { type NotifierOptions, notifier as notifierStep } from '../notify/index.js'

/**
 * Notifies people of failures, dead letters, circuit breakers and queue health: `app.steps.push(notifier(app, { to: [toSlack(url)] }))`.
 * It runs in every worker of the app; fleet-wide notices are sent once. It never includes arguments, and never delays a task.
 *
 * @example
 * import { notifier, toSlack } from 'lovage'
 * app.steps.push(notifier(app, { to: [toSlack('https://hooks.slack.com/services/T/B/x')] }))
 */
export const notifier = (app: Lovage, options: NotifierOptions): WorkerStep =>
  notifierStep(coreOf(app), options)

/**
 * Reports a worker's runs to a Datadog agent: the distribution `celery.task.runtime` in seconds and the count `celery.task.runs`, tagged
 * `task_name`, `state` and `queue_name`. `app.steps.push(dogstatsd(app))`.
 *
 * @example
 * import { dogstatsd } from 'lovage'
 * app.steps.push(dogstatsd(app, { tags: ['env:production'] }))
 */
export function dogstatsd(app: Lovage, options?: DogstatsdOptions): WorkerStep {
  let step: WorkerStep | undefined
  return {
    name: 'dogstatsd',
    async start(worker) {
      // Only a worker reports; a producer that names an agent does not load the implementation.
      step = (await import('../dogstatsd/index.js')).dogstatsd(coreOf(app), options)
      await step.start(worker)
    },
    stop: (worker, how) => step?.stop?.(worker, how),
  }
}
