import type { Lovage } from '../app/index.js'
import type { HealthThresholds } from '../health/index.js'
import { crontab, type ScheduleLike } from '../schedule/index.js'
import { getQueueHealth } from './on-demand.js'

/** Options of the periodic health tasks. */
export interface HealthTaskOptions extends HealthThresholds {
  /** Seconds between two checks of the queues; a check that is later than this is dropped. Default 60. */
  readonly every?: number
  /** When resolved dead letters are removed. Default at 3:30, in the app's time zone. */
  readonly cleanup?: ScheduleLike
  /** Days for which resolved dead letters are kept. Default 30. */
  readonly letterDays?: number
  /** The queue of both tasks. Default: the app's default queue. */
  readonly queue?: string
}

/**
 * Adds two periodic tasks to an app, for its beat and its workers: `lovage.monitor_queue_health` logs the state of all queues, as a warning
 * or an error when they are unhealthy, and `lovage.cleanup_dead_letters` removes old resolved dead letters. (Old results are removed
 * by `celery.backend_cleanup`, which every schedule has where results do not expire by themselves.)
 * @throws {ConfigurationError} LVG_SCHEDULE_INVALID when they were added before.
 * @example
 * import { addHealthTasks } from 'lovage'
 * addHealthTasks(app) // a worker and a beat do the rest
 */
export function addHealthTasks(app: Lovage, options: HealthTaskOptions = {}): void {
  const {
    every = 60,
    cleanup = crontab({ hour: 3, minute: 30 }),
    letterDays = 30,
    queue,
    ...thresholds
  } = options
  const where = queue === undefined ? {} : { queue }
  const monitor = app.task({
    name: 'lovage.monitor_queue_health',
    ...where,
    run: async (context) => {
      const { status, reasons } = await getQueueHealth(app, thresholds)
      const level = status === 'healthy' ? 'info' : status === 'degraded' ? 'warn' : 'error'
      context.logger[level](
        { status, reasons },
        `the queues are ${status}${reasons.map((one) => `; ${one}`).join('')}`,
      )
      return { status, reasons }
    },
  })
  const clean = app.task({
    name: 'lovage.cleanup_dead_letters',
    ...where,
    run: () => app.deadLetters.cleanup(letterDays),
  })
  // A late check says nothing about the time it was due.
  app.addPeriodicTask(every, monitor, { expires: every })
  app.addPeriodicTask(cleanup, clean)
}
