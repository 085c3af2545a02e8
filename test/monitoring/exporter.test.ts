import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { dogstatsd, Lovage } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { EventMetrics } from '../../packages/lovage/src/metrics/index.js'
import { Exporter } from '../../packages/lovage/src/node/index.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

const patience = { timeoutMs: 40_000 }
const PYTHON = `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y

@app.task(name='py.fail')
def fail():
    raise ValueError('no')
`

let redis: RedisServer
let python: PythonCelery
let app: Lovage
let exporter: Exporter
beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: PYTHON,
    args: ['-P', 'solo', '-Q', 'py'],
  })
})
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
})
beforeEach(async () => {
  app = createTestApp('exported', { broker: redis.url, backend: redis.url })
  exporter = await Exporter.start(coreOf(app), { port: 0 })
})
afterEach(async () => {
  await exporter?.stop()
  await app?.close()
})

const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${exporter.port}/metrics`)).text()
/** The value of a series whose labels include these. */
const seriesOf = (
  text: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): number | undefined => {
  const line = text
    .split('\n')
    .find(
      (one) =>
        one.startsWith(`${name}{`) &&
        Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)),
    )
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')))
}

test("serves what Python's and our workers do under the names of celery-exporter and Flower", {
  timeout: 60_000,
}, async () => {
  const add = app.task({ name: 'ts.add', queue: 'ts', run: (_ctx, x: number, y: number) => x + y })
  await using worker = await startTestWorker(app, { queues: ['ts'] })
  const host = { hostname: 'localhost' }
  const flower = { worker: worker.hostname, task: 'ts.add' }
  const expected: readonly (readonly [
    name: string,
    labels: Readonly<Record<string, string>>,
    least: number,
  ])[] = [
    // What celery-exporter's dashboards and alerts ask for.
    ...['received', 'started', 'succeeded', 'failed', 'rejected', 'revoked', 'retried'].map(
      (type) => [`celery_task_${type}_total`, { ...host, name: 'ts.add', queue_name: 'ts' }, 0] as const,
    ),
    ['celery_task_succeeded_total', { ...host, name: 'ts.add', queue_name: 'ts' }, 1],
    ['celery_task_succeeded_total', { ...host, name: 'py.add', queue_name: 'py' }, 1],
    ['celery_task_failed_total', { name: 'py.fail', queue_name: 'py', exception: 'ValueError' }, 1],
    ['celery_task_runtime_bucket', { name: 'py.add', le: '0.075', queue_name: 'py' }, 0],
    ['celery_task_runtime_count', { name: 'ts.add' }, 1],
    ['celery_worker_up', host, 1],
    ['celery_worker_tasks_active', host, 0],
    ['celery_queue_length', { queue_name: 'py' }, 0],
    ['celery_active_consumer_count', { queue_name: 'py' }, 1],
    ['celery_active_worker_count', { queue_name: 'ts' }, 1],
    ['celery_active_process_count', { queue_name: 'py' }, 0],
    // Flower's.
    ['flower_events_total', { ...flower, type: 'task-succeeded' }, 1],
    ['flower_task_runtime_seconds_bucket', { ...flower, le: '7.5' }, 1],
    ['flower_task_prefetch_time_seconds', flower, 0],
    ['flower_worker_prefetched_tasks', flower, 0],
    ['flower_worker_online', { worker: python.nodeName }, 1],
    ['flower_worker_number_of_currently_executing_tasks', { worker: worker.hostname }, 0],
  ]
  // Events are asked for; whatever ran before is not told.
  let missing: readonly unknown[] = expected
  await until(async () => {
    await add.delay(1, 2)
    await app.sendTask('py.add', { args: [1, 2], queue: 'py' })
    await app.sendTask('py.fail', { queue: 'py' })
    const text = await scrape()
    missing = expected.filter(([name, labels, least]) => !((seriesOf(text, name, labels) ?? -1) >= least))
    return missing.length === 0
  }, patience).catch(() => undefined)
  expect(missing).toEqual([])
  expect(await scrape()).not.toContain('pidbox')
})

test('gauges of a worker that was killed fall', { timeout: 90_000 }, async () => {
  const script = `
    import { Lovage, startWorker } from ${JSON.stringify(import.meta.resolve('../../packages/lovage/dist/index.js'))}
    const app = new Lovage('killed', { broker: ${JSON.stringify(redis.url)}, env: {} })
    app.task({ name: 'hang', run: () => new Promise(() => {}) })
    await startWorker(app, { queues: ['killed'], hostname: 'killed@elsewhere' })
    process.send('ready')`
  const worker = fork('-', {
    execArgv: ['--input-type=module', '--eval', script],
    stdio: 'inherit',
    silent: false,
  })
  try {
    await once(worker, 'message')
    await app.sendTask('hang', { queue: 'killed' })
    await until(async () => {
      const text = await scrape()
      return (
        seriesOf(text, 'celery_worker_up', { hostname: 'elsewhere' }) === 1 &&
        seriesOf(text, 'celery_worker_tasks_active', { hostname: 'elsewhere' }) === 1 &&
        seriesOf(text, 'flower_worker_online', { worker: 'killed@elsewhere' }) === 1
      )
    }, patience)
  } finally {
    worker.kill('SIGKILL')
  }
  const killedMs = Date.now()
  await until(async () => {
    const text = await scrape()
    return (
      seriesOf(text, 'celery_worker_up', { hostname: 'elsewhere' }) === 0 &&
      seriesOf(text, 'celery_worker_tasks_active', { hostname: 'elsewhere' }) === 0 &&
      seriesOf(text, 'flower_worker_online', { worker: 'killed@elsewhere' }) === 0 &&
      seriesOf(text, 'flower_worker_number_of_currently_executing_tasks', { worker: 'killed@elsewhere' }) ===
        0 &&
      seriesOf(text, 'celery_active_worker_count', { queue_name: 'killed' }) === 0
    )
  }, patience)
  // Within the lease (30 s) and a scrape.
  expect(Date.now() - killedMs).toBeLessThan(40_000)
})

test('says whether the broker is there, and nothing of what it does not have', async () => {
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${exporter.port}${path}`)
  expect((await get('/health')).status).toBe(200)
  expect((await get('/health/live')).status).toBe(200)
  expect((await get('/secrets')).status).toBe(404)
})

test('names that nobody knows, and workers that are gone, do not make the metrics grow', async () => {
  const metrics = new EventMetrics({ forgetWorkersAfter: 60 })
  const event = (type: string, fields: object) => ({ type, hostname: 'w@h', timestamp: 1, ...fields })
  for (let at = 0; at < 3000; at++) {
    metrics.add(event('task-received', { uuid: `${at}`, name: `name-${at}`, hostname: `w@${at}` }), 0)
    metrics.add(event('task-failed', { uuid: `${at}`, exception: `Error${at}('x')`, hostname: `w@${at}` }), 0)
  }
  const series = (await metrics.registry.metrics()).split('\n').length
  for (let at = 3000; at < 6000; at++)
    metrics.add(event('task-received', { uuid: `${at}`, name: `name-${at}`, hostname: `w@${at}` }), 0)
  expect((await metrics.registry.metrics()).split('\n').length).toBeLessThan(series + 20)

  const few = new EventMetrics({ forgetWorkersAfter: 60 })
  few.add(event('worker-heartbeat', { freq: 2, active: 3, hostname: 'w@gone' }), 0)
  few.add(event('task-received', { uuid: '1', name: 'add', hostname: 'w@gone' }), 0)
  few.refresh(1000)
  expect(await few.registry.metrics()).toContain('celery_worker_tasks_active{hostname="gone"} 3')
  few.refresh(5000)
  expect(await few.registry.metrics()).toContain('celery_worker_tasks_active{hostname="gone"} 0')
  few.refresh(120_000)
  expect(await few.registry.metrics()).not.toContain('gone')
})

test('tells a Datadog agent of runs, by UDP', async () => {
  const agent = createSocket('udp4')
  const lines: string[] = []
  agent.on('message', (packet) => lines.push(...packet.toString().split('\n')))
  agent.bind(0, '127.0.0.1')
  await once(agent, 'listening')
  const own = new Lovage('datadog', { broker: 'memory://datadog', env: {} })
  own.steps.push(dogstatsd(own, { port: agent.address().port, tags: ['env:test'] }))
  const work = own.task({ name: 'shop.tasks.work', run: () => 1 })
  try {
    await using _worker = await startTestWorker(own)
    await work.delay()
    await until(() => lines.length >= 2, patience)
  } finally {
    await own.close()
    agent.close()
  }
  const tags = 'task_name:work,task:shop.tasks.work,state:success,queue_name:celery,env:test'
  expect(lines.find((line) => /^celery\.task\.runtime:[\d.e-]+\|d\|#/.test(line))).toContain(`|#${tags}`)
  expect(lines).toContain(`celery.task.runs:1|c|#${tags}`)
})
