import { crontab, Lovage, Queue } from 'lovage'

const { env } = process
const TASKS = 'consultantos.jobs.tasks'

/** Queues in the order in which workers read them, and what their tasks' priority is. */
export const PRIORITY = { critical: 10, high: 8, normal: 5, low: 3 } as const

/** The app. Where messages are, CELERY_BROKER_URL or REDIS_URL says; without either an embedded file. */
export const app = new Lovage('consultantos', {
  taskQueues: (Object.keys(PRIORITY) as (keyof typeof PRIORITY)[]).map((name) => new Queue(name)),
  taskDefaultQueue: 'normal',
  resultExtended: true,
  taskTimeLimit: 600,
  taskSoftTimeLimit: 540,
  workerMaxTasksPerChild: 1000,
  workerMetricsPort: env.METRICS_PORT ? Number(env.METRICS_PORT) : undefined,
  taskRoutes: {
    [`${TASKS}.check_monitor_task`]: { queue: 'normal', priority: PRIORITY.normal },
    [`${TASKS}.check_scheduled_monitors_task`]: { queue: 'normal', priority: PRIORITY.normal },
    [`${TASKS}.run_analysis_task`]: { queue: 'normal', priority: PRIORITY.normal },
    [`${TASKS}.process_alert_task`]: { queue: 'high', priority: PRIORITY.high },
    [`${TASKS}.send_alert_webhook`]: { queue: 'high', priority: PRIORITY.high },
    [`${TASKS}.aggregate_snapshots_task`]: { queue: 'low', priority: PRIORITY.low },
    [`${TASKS}.cleanup_old_data_task`]: { queue: 'low', priority: 2 },
    [`${TASKS}.train_anomaly_model_task`]: { queue: 'low', priority: 2 },
  },
  // Begins of runs in the whole fleet; the environment may say otherwise, `celery control rate_limit` at run time.
  taskAnnotations: {
    [`${TASKS}.check_monitor_task`]: { rateLimit: env.CHECK_RATE ?? '10/m' },
    [`${TASKS}.process_alert_task`]: { rateLimit: env.ALERT_RATE ?? '30/m' },
    [`${TASKS}.send_alert_webhook`]: { rateLimit: env.ALERT_RATE ?? '30/m' },
    [`${TASKS}.run_analysis_task`]: { rateLimit: env.ANALYSIS_RATE ?? '5/m' },
  },
  timezone: env.TIMEZONE ?? 'UTC',
  beatSchedule: {
    'check-scheduled-monitors': {
      task: `${TASKS}.check_scheduled_monitors_task`,
      schedule: Number(env.SCHEDULE_SECONDS ?? 60),
    },
    'aggregate-daily-snapshots': {
      task: `${TASKS}.aggregate_snapshots_task`,
      schedule: crontab({ hour: 2, minute: 0 }),
    },
    'cleanup-old-data': { task: `${TASKS}.cleanup_old_data_task`, schedule: crontab({ hour: 3, minute: 0 }) },
    'train-anomaly-model': {
      task: `${TASKS}.train_anomaly_model_task`,
      schedule: crontab({ hour: 4, minute: 0, dayOfWeek: 'sun' }),
    },
  },
})
