import type { AppCore, WorkerStep } from '../app/core/index.js'
import type { NotifierOptions } from './notifier-options.js'

/**
 * Tells people of failures, dead letters, circuit breakers and the health of queues: `app.steps.push(notifier(app, { to: [toSlack(url)] }))`.
 * It runs in every worker of the app; what concerns the fleet is told once. It tells no arguments, and never holds a task up.
 */
export function notifier(app: AppCore, options: NotifierOptions): WorkerStep {
  let end: (() => Promise<void>) | undefined
  return {
    name: 'notifier',
    async start(worker) {
      // Only a worker tells; a producer that names a notifier does not load what it takes.
      end = await (await import('./notifier.js')).startNotifier(app, options, worker)
    },
    stop: () => end?.(),
  }
}
