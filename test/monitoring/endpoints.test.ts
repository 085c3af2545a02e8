import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { addHealthTasks, getQueueHealth, type Lovage, openSchedules, Reject } from 'lovage'
import { getActiveTasks, getTaskStatus, getWorkerStats, revokeTask } from 'lovage/compat'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { examine, judge } from '../../packages/lovage/src/health/index.js'
import { type RedisServer, startRedis } from '../servers.js'

let redis: RedisServer
let app: Lovage
let base: string
let port: number
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())
beforeEach(async () => {
  port = await freePort()
  base = `http://127.0.0.1:${port}`
  app = createTestApp('monitored', {
    broker: redis.url,
    backend: redis.url,
    workerMetricsPort: port,
    taskDefaultQueue: `queue-${port}`,
  })
})
afterEach(() => app.close())

const get = async (path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(base + path)
  return { status: response.status, text: await response.text() }
}

describe('a worker with a metrics port', () => {
  test('serves the documented metrics, and gauges that go back', async () => {
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
    const wait = app.task({ name: 'wait', run: () => gate })
    const refuse = app.task({
      name: 'refuse',
      run: () => {
        throw new Reject('no')
      },
    })
    const flaky = app.task({
      name: 'flaky',
      autoretryFor: [RangeError],
      maxRetries: 1,
      retryOptions: { countdown: 0 },
      run: () => {
        throw new RangeError('always')
      },
    })
    await using worker = await startTestWorker(app)
    await add.delay(1, 2)
    await refuse.delay()
    await flaky.delay()
    await wait.delay()
    await app.sendTask('nobody.knows.me')
    const queue = app.conf.taskDefaultQueue
    await until(
      async () => (await app.deadLetters.list({ queue })).items.length === 3 && worker.processed >= 4,
    )
    const { text } = await get('/metrics')
    expect(text).toContain('celery_task_total{task_name="add",status="success"} 1')
    expect(text).toContain('celery_task_total{task_name="flaky",status="failure"} 1')
    expect(text).toContain('celery_task_total{task_name="flaky",status="retry"} 1')
    expect(text).toContain('celery_task_retries_total{task_name="flaky"} 1')
    expect(text).toContain('celery_task_duration_seconds_bucket{le="3",task_name="add"} 1')
    expect(text).toContain(`celery_active_tasks{queue_name="${queue}"} 1`)
    expect(text).toContain(`celery_queue_length{queue_name="${queue}"} 0`)
    expect(text).toContain(`celery_dead_letter_queue_size{queue_name="${queue}"} 3`)
    expect(text).not.toContain('nobody.knows.me')
    release()
    await until(async () =>
      (await get('/metrics')).text.includes(`celery_active_tasks{queue_name="${queue}"} 0`),
    )
  })

  test('says that it lives, is ready, and how its queues are', async () => {
    app.task({ name: 'add', run: () => 1 })
    await using worker = await startTestWorker(app)
    expect(await get('/health/live')).toMatchObject({ status: 200 })
    expect((await get('/health/ready')).text).toContain('"ready"')
    const { status, text } = await get('/health')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      status: 'healthy',
      reasons: [],
      workers: [worker.hostname],
      queues: [{ name: app.conf.taskDefaultQueue, workers: [worker.hostname] }],
    })
    expect((await get('/nothing')).status).toBe(404)
  })

  test('goes on when its port is taken', async () => {
    const other = createServer()
    await new Promise((resolve) => other.listen(port, '127.0.0.1', () => resolve(undefined)))
    const add = app.task({ name: 'add', run: (_ctx, x: number) => x + 1 })
    await using _worker = await startTestWorker(app)
    expect(await (await add.delay(1)).get({ timeout: 10 })).toBe(2)
    await new Promise((resolve) => other.close(resolve))
  })
})

test('a queue without a worker is critical as soon as something waits, and a broker that is away is unknown', async () => {
  await app.sendTask('anything')
  const health = await getQueueHealth(app)
  expect(health.status).toBe('critical')
  expect(health.reasons).toEqual([`${app.conf.taskDefaultQueue}: 1 waits and no worker consumes it`])
  await using away = createTestApp('away', { broker: `redis://127.0.0.1:${await freePort()}` })
  expect(await getQueueHealth(away)).toMatchObject({ status: 'unknown', queues: [] })
})

test('a queue of which a worker that is gone holds messages is critical', async () => {
  app.task({ name: 'wait', run: () => new Promise(() => {}) })
  const worker = await startTestWorker(app)
  await app.sendTask('wait')
  await until(() => worker.active.length === 1)
  await app.control.cancelConsumer(app.conf.taskDefaultQueue)
  expect(await getQueueHealth(app, { queues: [app.conf.taskDefaultQueue] })).toMatchObject({
    status: 'critical',
    reasons: [
      `${app.conf.taskDefaultQueue}: 1 is held by workers that do not answer, and no worker consumes it`,
    ],
  })
  await worker.stop('cold')
})

test('entries of the schedule that no beat sends are told', async () => {
  let aheadMs = 0
  await using late = createTestApp(`late-${port}`, {
    broker: redis.url,
    taskDefaultQueue: app.conf.taskDefaultQueue,
    clock: {
      now: () => Date.now() + aheadMs,
      setTimer: (callback, delayMs) => app.clock.setTimer(callback, delayMs),
    },
  })
  late.addPeriodicTask(60, 'tidy')
  await using _worker = await startTestWorker(app)
  const health = () => getQueueHealth(late, { queues: [] })
  /** On a machine that is busy a worker may miss the second in which it is asked. */
  const becomes = (expected: object) => expect.poll(health, { timeout: 20_000 }).toMatchObject(expected)
  await becomes({
    status: 'degraded',
    schedule: [{ name: 'tidy', status: 'unread' }],
    reasons: ['no beat has loaded the schedule from the code: tidy will not run'],
  })

  await using schedules = await openSchedules(late)
  await schedules.disable('tidy')
  await becomes({ status: 'healthy', schedule: [{ status: 'disabled' }] })
  await schedules.enable('tidy')
  await becomes({ status: 'healthy', schedule: [{ status: 'on time', lastRunAt: null }] })
  aheadMs = 200_000
  await becomes({
    status: 'degraded',
    schedule: [{ status: 'overdue', overdueSeconds: expect.any(Number) }],
    reasons: [expect.stringMatching(/tidy was due 1\d\d s ago and was not sent: no beat leads/)],
  })
})

test('a fleet without any worker is critical, also while nothing waits', async () => {
  await using deserted = createTestApp('deserted', { broker: redis.url })
  expect(await getQueueHealth(deserted, { queues: [`empty-${port}`], timeout: 0.5 })).toMatchObject({
    status: 'critical',
    reasons: ['no worker answers'],
  })
})

test('health is looked at, and old letters go, by periodic tasks', async () => {
  addHealthTasks(app, { every: 1, queue: app.conf.taskDefaultQueue })
  expect([...coreOf(app).periodicTasks.all().keys()]).toEqual([
    'lovage.monitor_queue_health',
    'lovage.cleanup_dead_letters',
  ])
  await using _worker = await startTestWorker(app)
  const look = await app.sendTask('lovage.monitor_queue_health')
  expect(await look.get({ timeout: 20 })).toMatchObject({ status: expect.stringMatching(/healthy|critical/) })
  const clean = await app.sendTask('lovage.cleanup_dead_letters')
  expect(await clean.get({ timeout: 20 })).toBe(0)
})

test('a full Redis hides neither the queues nor what else is found', async () => {
  await app.sendTask('anything')
  const admin = new Redis(redis.url)
  try {
    await admin.config('SET', 'maxmemory', '1')
    const health = await getQueueHealth(app)
    expect(health).toMatchObject({ status: 'critical', workers: [] })
    expect(health.queues).toContainEqual(
      expect.objectContaining({ name: app.conf.taskDefaultQueue, ready: 1, reasons: [] }),
    )
    expect(health.reasons.join()).toMatch(/workers cannot be queried: Redis is out of memory/)
    const findings = await examine(coreOf(app))
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'workers',
        passed: false,
        detail: expect.stringMatching(/out of memory/),
      }),
    )
  } finally {
    await admin.config('SET', 'maxmemory', '0')
    admin.disconnect()
  }
})

test('the age of the oldest message is known, where its producer told when it was sent', async () => {
  let aheadMs = 0
  const clock = {
    now: () => Date.now() + aheadMs,
    setTimer: (callback: () => void, delayMs: number) => app.clock.setTimer(callback, delayMs),
  }
  await using late = createTestApp('late', {
    broker: redis.url,
    taskDefaultQueue: app.conf.taskDefaultQueue,
    clock,
  })
  const queues = [app.conf.taskDefaultQueue]
  expect((await getQueueHealth(late, { queues })).queues[0]?.oldestSeconds).toBe(null)
  await app.sendTask('anything')
  aheadMs = 5_000_000
  await late.sendTask('later')
  const { queues: found, reasons } = await getQueueHealth(late, { queues })
  expect(found[0]?.oldestSeconds).toBeGreaterThanOrEqual(4999)
  expect(reasons.join()).toContain('the oldest has been waiting for')
})

test('a task far beyond its hard limit is stuck', async () => {
  app.task({ name: 'slow', timeLimit: 10, run: () => new Promise(() => {}) })
  let aheadMs = 0
  const late = createTestApp('late', {
    broker: redis.url,
    taskDefaultQueue: app.conf.taskDefaultQueue,
    clock: {
      now: () => Date.now() + aheadMs,
      setTimer: (callback, delayMs) => app.clock.setTimer(callback, delayMs),
    },
  })
  late.task({ name: 'slow', timeLimit: 10, run: () => null })
  const worker = await startTestWorker(app)
  const { id } = await app.sendTask('slow')
  await until(() => worker.active.length === 1)
  expect((await getQueueHealth(late, { queues: [app.conf.taskDefaultQueue] })).stuck).toEqual([])
  aheadMs = 75_000
  expect(await getQueueHealth(late, { queues: [app.conf.taskDefaultQueue] })).toMatchObject({
    status: 'degraded',
    stuck: [{ id, task: 'slow' }],
  })
  await worker.stop('cold')
  await late.close()
})

test('tasks and workers are looked at, and revoked, by the documents’ functions', async () => {
  const add = app.task({ name: 'add', run: (_ctx, x: number) => x + 1 })
  expect(await getTaskStatus(app, 'unheard-of')).toMatchObject({ status: 'PENDING', known: false })
  await revokeTask(app, 'not-wanted')
  await using worker = await startTestWorker(app)
  const result = await add.delay(1)
  await result.get({ timeout: 10 })
  expect(await getTaskStatus(app, result.id)).toMatchObject({ status: 'SUCCESS', known: true, result: 2 })
  expect(await getActiveTasks(app)).toEqual({ [worker.hostname]: [] })
  expect(Object.keys(await getWorkerStats(app))).toEqual([worker.hostname])
  await add.applyAsync([1], { taskId: 'not-wanted' })
  await until(async () => (await getTaskStatus(app, 'not-wanted')).status === 'REVOKED')
})

test.each([
  [{ ready: 1000, dead: 10, workers: ['w'] }, 'healthy', 0],
  [{ ready: 0, dead: 11, workers: ['w'] }, 'healthy', 1],
  [{ ready: 0, dead: 100, workers: ['w'] }, 'healthy', 1],
  [{ ready: 0, dead: 101, workers: ['w'] }, 'degraded', 1],
  [{ ready: 1001, dead: 0, workers: ['w'] }, 'degraded', 1],
  [{ ready: 10_001, dead: 0, workers: ['w'] }, 'critical', 1],
  [{ ready: 0, dead: 0, workers: [] }, 'healthy', 0],
  [{ ready: 1, dead: 101, workers: [] }, 'critical', 2],
  [{ ready: 0, dead: 0, workers: [], unacked: 2 }, 'critical', 1],
  [{ ready: 0, dead: 0, workers: ['w'], unacked: 2 }, 'healthy', 0],
  [{ ready: 0, dead: 0, workers: [], delayed: 1 }, 'degraded', 1],
  // Nobody could be asked: that is said once, not of each queue.
  [{ ready: 1, dead: 0 }, 'healthy', 0],
] as const)('queues are judged by thresholds: %j is %s', (queue, status, reasons) => {
  const judged = judge(queue)
  expect(judged.status).toBe(status)
  expect(judged.reasons).toHaveLength(reasons)
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}
