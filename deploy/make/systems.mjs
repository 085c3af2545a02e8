/**
 * What is deployed: each system, its workers, and who watches them. `npm run deploy:files` makes the files of `deploy/` from it.
 *
 * @typedef {object} WorkerPlan
 * @property {string} name
 * @property {string[]} queues
 * @property {number} concurrency
 * @property {number} memoryMb what one worker may take in all
 * @property {string} [unit] name of its systemd unit
 * @property {string} [node] name of the node, default `<name>@%h`
 * @property {string[]} [more] more options
 */

/** The limits and pages of every worker. */
export const STOP_S = 40
export const METRICS_PORT = 9540

export const SYSTEMS = [
  {
    name: 'learning-time',
    app: 'lms.celery',
    user: 'celery',
    broker: 'redis',
    beatUnit: 'lms-celery-beat',
    workers: [
      {
        name: 'enrichment',
        unit: 'webhook-enrichment',
        node: 'webhook-enrichment@%h',
        queues: ['edx.lms.core.webhook_enrichment'],
        concurrency: 2,
        memoryMb: 2048,
      },
      { name: 'default', unit: 'lms-celery', queues: ['celery'], concurrency: 20, memoryMb: 1024 },
    ],
  },
  {
    name: 'webhook-delivery',
    app: 'celery_app',
    user: 'celery',
    broker: 'redis',
    beatUnit: 'psra-celery-beat',
    workers: [
      {
        name: 'worker',
        unit: 'psra-celery',
        node: 'celery@%h',
        queues: ['celery'],
        concurrency: 4,
        memoryMb: 1024,
        more: ['-I', 'tasks.webhook_delivery'],
      },
    ],
  },
  {
    name: 'datacleanup',
    app: 'app.core.celery_app',
    user: 'www-data',
    broker: 'redis',
    beatUnit: 'celery-beat',
    data: '/var/lib/datacleanup/uploads',
    workers: [
      {
        name: 'data',
        unit: 'celery-worker',
        queues: ['default', 'data'],
        concurrency: 4,
        memoryMb: 2048,
        more: ['--max-tasks-per-child=1000'],
      },
      {
        name: 'ai',
        unit: 'celery-worker-ai',
        queues: ['ai'],
        concurrency: 2,
        memoryMb: 1024,
        more: ['--max-tasks-per-child=1000'],
      },
      {
        name: 'billing',
        unit: 'celery-worker-billing',
        queues: ['billing'],
        concurrency: 1,
        memoryMb: 512,
        more: ['--max-tasks-per-child=1000'],
      },
    ],
  },
  {
    name: 'task-platform',
    app: 'celery_app',
    user: 'celery',
    broker: 'redis',
    beatUnit: 'task-platform-beat',
    workers: [
      {
        name: 'billing',
        unit: 'task-platform-billing',
        queues: ['billing', 'dead_letter'],
        concurrency: 2,
        memoryMb: 768,
      },
      {
        name: 'general',
        unit: 'task-platform-general',
        queues: ['kyb', 'notifications', 'default'],
        concurrency: 4,
        memoryMb: 1024,
      },
    ],
  },
  {
    name: 'monitoring',
    app: 'consultantos.jobs.celery_app',
    user: 'celery',
    broker: 'redis',
    beatUnit: 'consultantos-beat',
    workers: [
      {
        name: 'worker',
        unit: 'consultantos-worker',
        queues: ['critical', 'high', 'normal', 'low'],
        concurrency: 4,
        memoryMb: 2048,
      },
    ],
  },
]

/** The words of a worker's command after `celery`. */
export const workerWords = ({ app }, { name, node, queues, concurrency, more = [] }) => [
  ...['-A', app, 'worker', '--loglevel=info', `--queues=${queues.join(',')}`, `--concurrency=${concurrency}`],
  ...[`--hostname=${node ?? `${name}@%h`}`, ...more],
]

/** The words of a beat's command after `celery`. */
export const beatWords = ({ app }) => ['-A', app, 'beat', '--loglevel=info']
