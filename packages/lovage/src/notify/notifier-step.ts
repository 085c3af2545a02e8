import type { AppCore, WorkerStep } from '../app/core/index.js'
import type { NotifierOptions } from './notifier-options.js'

/**
 * Notifies people of failures, dead letters, circuit breakers and queue health: `app.steps.push(notifier(app, { to: [toSlack(url)] }))`.
 * It runs in every worker of the app; fleet-wide changes are reported once. It sends no arguments, and never delays a task.
 */
export function notifier(app: AppCore, options: NotifierOptions): WorkerStep {
  let end: (() => Promise<void>) | undefined
  return {
    name: 'notifier',
    async start(worker) {
      // Only a worker sends notices; a producer with a notifier does not load its code.
      end = await (await import('./notifier.js')).startNotifier(app, options, worker)
    },
    stop: () => end?.(),
  }
}
