import { crontab, type Health, type HealthThresholds, getQueueHealth as healthOf } from 'lovage'
import {
  getActiveTasks as activeOf,
  revokeTask as revoke,
  getWorkerStats as statsOf,
  getTaskStatus as statusOf,
} from 'lovage/compat'
import { database } from '../application.js'
import { app, QUEUES } from '../celery.js'

const DAY_MS = 86_400_000
/** For how long it is known what a run has done: longer than any message may come again. */
const RUNS_DAYS = 7

/** How tasks of one name have fared. */
export interface TaskMetrics {
  readonly task_name: string
  readonly runs: number
  readonly failures: number
  readonly average_ms: number
  readonly slowest_ms: number
}

/** Looks at queues, workers and tasks. */
export class TaskQueueMonitor {
  readonly #thresholds: HealthThresholds

  constructor(thresholds: HealthThresholds = {}) {
    this.#thresholds = thresholds
  }

  /** healthy, degraded, critical or unknown, and why. Never throws for a server that is away. */
  health(): Promise<Health> {
    return healthOf(app, { ...this.#thresholds, queues: QUEUES })
  }
  /** Tasks that have been running beyond their limit. */
  async stuckTasks(): Promise<Health['stuck']> {
    return (await this.health()).stuck
  }
  async performance(): Promise<readonly TaskMetrics[]> {
    const rows = await (await database()).query(
      'SELECT task_name, runs, failures, total_ms, slowest_ms FROM task_metrics ORDER BY task_name',
    )
    return rows.map(({ task_name, runs, failures, total_ms, slowest_ms }) => ({
      task_name: String(task_name),
      runs: Number(runs),
      failures: Number(failures),
      average_ms: Math.round(Number(total_ms) / Number(runs)),
      slowest_ms: Number(slowest_ms),
    }))
  }
  workers() {
    return statsOf(app)
  }
}

const monitor = new TaskQueueMonitor()

/** How the queues are. */
export const getQueueHealth = () => monitor.health()
/** What became of a task. */
export const getTaskStatus = (id: string) => statusOf(app, id)
/** Keeps a task from running; with `terminate` it is ended where it runs. */
export const revokeTask = (id: string, options: { readonly terminate?: boolean } = {}) =>
  revoke(app, id, options)
/** What runs, by worker. */
export const getActiveTasks = () => activeOf(app)
/** What workers have done. */
export const getWorkerStats = () => statsOf(app)

/** Every minute: says how the queues are, louder when they are not well. */
export const monitorQueueHealth = app.task({
  name: 'app.workers.monitoring.monitor_queue_health',
  run: async (ctx) => {
    const { status, reasons } = await monitor.health()
    const level = status === 'healthy' ? 'info' : status === 'degraded' ? 'warn' : 'error'
    ctx.logger[level]({ status, reasons }, `the queues are ${status}`)
    return { status, reasons }
  },
})
// A look that comes late says nothing about then.
app.addPeriodicTask(60, monitorQueueHealth, { name: 'monitor-queue-health', expires: 60 })

/** Daily: forgets what old runs have done. Results themselves end by `resultExpires`. */
export const cleanupOldResults = app.task({
  name: 'app.workers.monitoring.cleanup_old_results',
  run: async () => {
    const before = app.clock.now() - RUNS_DAYS * DAY_MS
    const gone = await (await database()).query(
      'DELETE FROM task_runs WHERE done_ms < $1 RETURNING task_id',
      [before],
    )
    return { removed: gone.length }
  },
})
app.addPeriodicTask(crontab({ hour: 4, minute: 0 }), cleanupOldResults, { name: 'cleanup-old-results' })
