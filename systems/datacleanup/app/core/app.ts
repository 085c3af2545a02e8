import { Lovage, Queue } from 'lovage'

const { DATABASE_URL, CELERY_BROKER_URL } = process.env

/**
 * The app: messages on Redis (or whatever CELERY_BROKER_URL names), results in PostgreSQL, so that they outlive a restart of
 * the broker and can be asked with SQL. Without either, an embedded file.
 */
export const app = new Lovage('datacleanup', {
  ...(CELERY_BROKER_URL ? { broker: CELERY_BROKER_URL } : {}),
  // CELERY_RESULT_BACKEND counts only where the data is not in PostgreSQL.
  ...(DATABASE_URL?.startsWith('postgresql')
    ? { resultBackend: `db+${DATABASE_URL.replace(/^postgresql\+\w+:/, 'postgresql:')}` }
    : {}),
  resultExtended: true,
  taskQueues: ['default', 'ai', 'data', 'billing'].map(
    (name) => new Queue(name, { exchange: name, routingKey: name }),
  ),
  taskDefaultQueue: 'default',
  taskRoutes: {
    'app.tasks.ai_tasks.*': { queue: 'ai' },
    'app.tasks.data_tasks.*': { queue: 'data' },
    'app.tasks.billing_tasks.*': { queue: 'billing' },
  },
  taskTimeLimit: 300,
  taskSoftTimeLimit: 240,
  taskAcksLate: true,
  workerPrefetchMultiplier: 1,
  taskRejectOnWorkerLost: true,
  beatSchedule: {
    'cleanup-temp-files': { task: 'app.tasks.data_tasks.cleanup_temp_files', schedule: 3600 },
    'process-webhooks': { task: 'app.tasks.billing_tasks.process_pending_webhooks', schedule: 300 },
  },
})

app.signals.on('taskRevoked', ({ headers, terminated, signum, expired }) => {
  const reason = expired ? 'expired' : terminated ? 'terminated' : 'revoked'
  app.logger.warn({ task_id: headers.id, task_name: headers.task, signum }, `Task ${reason}: ${headers.id}`)
})
