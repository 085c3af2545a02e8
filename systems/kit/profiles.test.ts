import type { Lovage } from 'lovage'
import { describe, expect, test, vi } from 'vitest'

const SYSTEMS = new URL('../', import.meta.url)
/** What would say otherwise than the documents. */
const SET = /^(CELERY_|REDIS_|DATABASE_URL|CHECK_RATE|ALERT_RATE|ANALYSIS_RATE|SCHEDULE_SECONDS|TIMEZONE)/

/** The app that a system's commands load, with these variables and no others of its settings. */
async function load(module: string, env: Readonly<Record<string, string>> = {}): Promise<Lovage> {
  vi.resetModules()
  vi.unstubAllEnvs()
  for (const name of Object.keys(process.env)) if (SET.test(name)) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  // Every app module exports its app.
  const { app } = (await import(new URL(module, SYSTEMS).href)) as { app: Lovage }
  return app
}

const namesOf = (app: Lovage): readonly string[] =>
  app.conf.taskQueues.map((queue) => (typeof queue === 'string' ? queue : queue.name))
const optionsOf = (app: Lovage, prefix: string) =>
  Object.fromEntries(
    app.tasks
      .names()
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), app.tasks.get(name)?.options]),
  )
const timesOf = (app: Lovage) =>
  Object.fromEntries(
    Object.entries(app.conf.beatSchedule).map(([name, { task, schedule }]) => [
      name,
      `${task} ${typeof schedule === 'object' && 'describe' in schedule ? schedule.describe() : schedule}`,
    ]),
  )

describe('settings as the documents print them', () => {
  test('webhook-delivery: limits, children, late acknowledgement', async () => {
    const app = await load('webhook-delivery/celery_app.ts', { DATABASE_URL: 'sqlite:///none.db' })
    expect(app.conf).toMatchObject({
      taskTimeLimit: 300,
      taskSoftTimeLimit: 240,
      workerConcurrency: 4,
      workerMaxTasksPerChild: 1000,
      taskAcksLate: true,
    })
    expect(optionsOf(app, 'webhooks.')).toMatchObject({
      deliver_event: { maxRetries: 3 },
      cleanup_old_deliveries: {},
      retry_failed_deliveries: {},
    })
  })

  test('webhook-delivery: the broker is found by host, port and number, unless a URL is given', async () => {
    const brokerWith = async (env: Readonly<Record<string, string>>) =>
      (await load('webhook-delivery/app.ts', env)).conf.brokerUrl
    expect(await brokerWith({})).toBe('redis://psra-redis:6379/0')
    expect(await brokerWith({ REDIS_HOST: 'localhost', REDIS_PORT: '6380', REDIS_DB: '3' })).toBe(
      'redis://localhost:6380/3',
    )
    expect(await brokerWith({ REDIS_HOST: 'localhost', CELERY_BROKER_URL: 'redis://other/1' })).toBe(
      'redis://other/1',
    )
  })

  test('datacleanup: queues, limits, retries of each kind of task, schedule', async () => {
    const app = await load('datacleanup/app/core/celery_app.ts', {
      CELERY_BROKER_URL: 'redis://localhost:6379/1',
      CELERY_RESULT_BACKEND: 'redis://localhost:6379/2',
      DATABASE_URL: 'postgresql+asyncpg://user:pass@localhost/datacleanup',
    })
    expect(namesOf(app)).toEqual(['default', 'ai', 'data', 'billing'])
    expect(app.conf).toMatchObject({
      // "Overridden by db backend in code".
      resultBackend: 'db+postgresql://user:pass@localhost/datacleanup',
      taskTimeLimit: 300,
      taskSoftTimeLimit: 240,
      taskAcksLate: true,
      workerPrefetchMultiplier: 1,
      taskRejectOnWorkerLost: true,
    })
    const [ai, billing] = [
      { maxRetries: 5, retryBackoff: true, retryBackoffMax: 600, retryJitter: true },
      { maxRetries: 10, retryBackoff: true, retryBackoffMax: 1800, retryJitter: true },
    ]
    expect(optionsOf(app, 'app.tasks.')).toMatchObject({
      'ai_tasks.process_ai_request': ai,
      'ai_tasks.generate_embeddings': ai,
      'data_tasks.process_file_upload': { maxRetries: 5 },
      'data_tasks.export_data': { maxRetries: 3 },
      'data_tasks.cleanup_temp_files': { maxRetries: 3 },
      'billing_tasks.process_pending_webhooks': billing,
      'billing_tasks.sync_subscription_status': billing,
      'billing_tasks.send_invoice': billing,
      'billing_tasks.process_refund': billing,
    })
    expect(timesOf(app)).toMatchObject({
      'cleanup-temp-files': 'app.tasks.data_tasks.cleanup_temp_files 3600',
      'process-webhooks': 'app.tasks.billing_tasks.process_pending_webhooks 300',
    })
  })

  test('task-platform: compression, limits, queues, retries', async () => {
    const app = await load('task-platform/celery_app.ts', {
      CELERY_BROKER_URL: 'redis://localhost:6379/1',
      CELERY_RESULT_BACKEND: 'redis://localhost:6379/2',
      REDIS_URL: 'redis://localhost:6379/0',
    })
    expect(app.conf).toMatchObject({
      brokerUrl: 'redis://localhost:6379/1',
      resultBackend: 'redis://localhost:6379/2',
      taskSerializer: 'json',
      taskCompression: 'gzip',
      taskTimeLimit: 1800,
      taskSoftTimeLimit: 1500,
      workerMaxTasksPerChild: 1000,
    })
    expect([...namesOf(app)].sort()).toEqual(['billing', 'dead_letter', 'default', 'kyb', 'notifications'])
    expect(optionsOf(app, 'app.workers.billing.')).toMatchObject({
      process_subscription: { maxRetries: 3, retryBackoff: true, retryJitter: true },
    })
  })

  test('monitoring: queues, priorities, rates and times', async () => {
    const app = await load('monitoring/consultantos/jobs/celery_app.ts', {
      REDIS_URL: 'redis://localhost:6379/0',
    })
    expect(app.conf.brokerUrl).toBe('redis://localhost:6379/0')
    expect(namesOf(app)).toEqual(['critical', 'high', 'normal', 'low'])
    const tasks = 'consultantos.jobs.tasks.'
    const of = (values: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [tasks + name, value]))
    expect(app.conf.taskRoutes).toEqual(
      of({
        check_monitor_task: { queue: 'normal', priority: 5 },
        check_scheduled_monitors_task: { queue: 'normal', priority: 5 },
        run_analysis_task: { queue: 'normal', priority: 5 },
        process_alert_task: { queue: 'high', priority: 8 },
        send_alert_webhook: { queue: 'high', priority: 8 },
        aggregate_snapshots_task: { queue: 'low', priority: 3 },
        cleanup_old_data_task: { queue: 'low', priority: 2 },
        train_anomaly_model_task: { queue: 'low', priority: 2 },
      }),
    )
    expect(app.conf.taskAnnotations).toEqual(
      of({
        check_monitor_task: { rateLimit: '10/m' },
        process_alert_task: { rateLimit: '30/m' },
        send_alert_webhook: { rateLimit: '30/m' },
        run_analysis_task: { rateLimit: '5/m' },
      }),
    )
    expect(timesOf(app)).toMatchObject({
      'aggregate-daily-snapshots': `${tasks}aggregate_snapshots_task crontab 0 2 * * *`,
      'cleanup-old-data': `${tasks}cleanup_old_data_task crontab 0 3 * * *`,
      'train-anomaly-model': `${tasks}train_anomaly_model_task crontab 0 4 * * sun`,
    })
  })
})
