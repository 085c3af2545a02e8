import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getQueueHealth } from 'lovage'
import { FLAG, isEnrichmentOn } from '../enrichment/flags.js'
import { checkWarehouse } from '../enrichment/learning-time.js'
import { app, QUEUE, TASK } from './app.js'

const page = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const exists = (path: string) => () => {
  if (!existsSync(page(path))) throw new Error(`${path} is missing`)
  return path
}
const MOST_SLOTS = 4

// The checklist of the deployment, item by item: `celery -A lms.celery check --deploy`.
app.deployChecks.push(
  {
    name: '1 route',
    run: () => {
      const route: unknown = Reflect.get(app.conf.taskRoutes, TASK)
      if (JSON.stringify(route) !== JSON.stringify({ queue: QUEUE }))
        throw new Error(`${TASK} is routed to ${JSON.stringify(route)}`)
      return `the task goes to ${QUEUE}`
    },
    advice: `Set CELERY_TASK_ROUTES: {"${TASK}": {"queue": "${QUEUE}"}}`,
  },
  {
    name: '2 worker',
    run: async () => {
      const { queues } = await getQueueHealth(app, { queues: [QUEUE] })
      const workers = queues.flatMap((queue) => queue.workers)
      if (workers.length === 0) throw new Error(`no worker consumes ${QUEUE}`)
      return workers.join(', ')
    },
    advice: `celery -A lms.celery worker --loglevel=info --queues=${QUEUE} --concurrency=2 --hostname=webhook-enrichment@%h`,
  },
  {
    name: '3 sizing',
    run: async () => {
      const stats = await app.control.inspect().stats()
      const sizes = Object.entries(stats)
        .filter(([name]) => name.startsWith('webhook-enrichment'))
        .map(([name, stat]) => [name, slotsOf(stat)] as const)
      const large = sizes.find(([, slots]) => slots > MOST_SLOTS)
      if (large)
        throw new Error(
          `${large[0]} runs ${large[1]} at once; at most ${MOST_SLOTS} are allowed, of 1 to 2 GB`,
        )
      if (sizes.length === 0) throw new Error('no worker is called webhook-enrichment@…')
      return sizes.map(([name, slots]) => `${name}: ${slots} at once`).join(', ')
    },
    advice: 'Start it with --concurrency=2 (at most 4), or --autoscale=4,2; MemoryMax=2G in its unit.',
  },
  {
    name: '4 alerts',
    run: exists('../../deploy/prometheus/learning-time.yml'),
    advice: 'Load deploy/prometheus/learning-time.yml into Prometheus.',
  },
  {
    name: '5 warehouse',
    run: checkWarehouse,
    advice: 'Check SNOWFLAKE_…, or WAREHOUSE_URL: docs/snowflake_configuration.md',
  },
  {
    name: '6 flag',
    run: async () => `${FLAG} is ${(await isEnrichmentOn()) ? 'on' : 'off'}`,
    advice: 'Check DATABASE_URL, in which flags are: docs/feature_flag_configuration.md',
  },
  {
    name: '7 rollback',
    run: exists('docs/rollback.md'),
    advice: 'Write down how the feature is turned off.',
  },
  {
    name: '8 on call',
    run: exists('docs/on_call.md'),
    advice: 'Write down what the person on call needs to know.',
  },
)

function slotsOf(stat: unknown): number {
  const pool: unknown = typeof stat === 'object' && stat !== null && 'pool' in stat ? stat.pool : undefined
  return typeof pool === 'object' && pool !== null && 'max-concurrency' in pool
    ? Number(pool['max-concurrency'])
    : 0
}
