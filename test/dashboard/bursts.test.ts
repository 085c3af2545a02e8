import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDashboard } from '@lovage/dashboard'
import type { Lovage } from 'lovage'
import { type Broker, connectionsOf } from 'lovage/driver'
import { createTestApp, FakeClock, until } from 'lovage/testing'
import { describe, expect, test, vi } from 'vitest'
import { startRabbit, startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 180_000 })
const patient = { timeoutMs: 90_000 }
const LOVAGE = fileURLToPath(new URL('../../packages/lovage/bin/lovage.js', import.meta.url))
const EVENTS_A_TASK = 4
const A_MESSAGE = 20

interface OverviewPage {
  readonly gaps: readonly { readonly reason: string; readonly filled: number }[]
  readonly data: {
    readonly throughput: readonly { readonly received: number; readonly succeeded: number }[]
  }
}

/** The command as users start it, in a process of its own. */
async function startDashboard(broker: string, backend?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
  const argv = [
    ...['-b', broker, ...(backend === undefined ? [] : ['--result-backend', backend])],
    ...['dashboard', '--port=0', `--db=${join(folder, 'h')}`, '--unauthenticated-api'],
  ]
  const child = spawn(process.execPath, [LOVAGE, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const url = await until(() => /is at (http:\S+)/.exec(said)?.[1], patient)
  const page = async (path: string) => (await fetch(`${url}${path}`)).json()
  return {
    child,
    overview: async () => (await page('?format=json')) as OverviewPage,
    html: async (path: string) => (await fetch(`${url}${path}`, { headers: { accept: 'text/html' } })).text(),
    tasks: async (q = '') =>
      (await page(`tasks?format=json&limit=1&q=${q}`)) as {
        readonly data: { readonly size: number; readonly items: readonly { readonly state: string }[] }
      },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true })
    },
  }
}

const send = (broker: Broker, body: string) =>
  broker.broadcast({
    headers: {},
    body,
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
    exchange: 'celeryev',
    routingKey: 'task.multi',
  })

/** Sends the events of so many tasks as fast as the broker takes them. */
async function burst(app: Lovage, tasks: number): Promise<void> {
  const broker = await connectionsOf(app).broker()
  const bodies: string[] = []
  let events: object[] = []
  for (let n = 0; n < tasks; n++) {
    const task = { uuid: `burst-${n}`, hostname: 'w1@box', pid: 1, timestamp: Date.now() / 1000 }
    const args = `(${n}, '${'x'.repeat(100)}')`
    const names = { name: `shop.task${n % 20}`, args, kwargs: '{}' }
    events.push(
      { ...task, type: 'task-sent', clock: 4 * n, queue: 'celery', ...names },
      { ...task, type: 'task-received', clock: 4 * n + 1, ...names },
      { ...task, type: 'task-started', clock: 4 * n + 2 },
      { ...task, type: 'task-succeeded', clock: 4 * n + 3, result: String(n), runtime: 0.01 },
    )
    if (events.length < A_MESSAGE && n < tasks - 1) continue
    bodies.push(JSON.stringify(events))
    events = []
  }
  for (let at = 0; at < bodies.length; at += 100)
    await Promise.all(bodies.slice(at, at + 100).map((body) => send(broker, body)))
}

const counted = ({ data }: OverviewPage) =>
  data.throughput.reduce(
    (sum, { received, succeeded }) => ({
      received: sum.received + received,
      succeeded: sum.succeeded + succeeded,
    }),
    { received: 0, succeeded: 0 },
  )

describe('of a burst of a hundred thousand events none is lost', () => {
  const tasks = 100_000 / EVENTS_A_TASK
  const keepsAll = async (broker: string) => {
    const app = createTestApp('sender', { broker, env: {} })
    await using dashboard = await startDashboard(broker)
    await burst(app, tasks)
    await until(async () => counted(await dashboard.overview()).succeeded >= tasks, patient)
    expect(counted(await dashboard.overview())).toEqual({ received: tasks, succeeded: tasks })
    expect((await dashboard.tasks()).data.size).toBe(tasks)
    expect((await dashboard.tasks('-state:SUCCESS')).data.items).toEqual([])
    expect((await dashboard.overview()).gaps).toEqual([])
    await app.close()
  }

  test('on Redis, which cuts off a subscriber that is slow', async () => {
    await using redis = await startRedis()
    await keepsAll(redis.url)
  })

  test('on RabbitMQ, which drops events that wait for seconds', async () => {
    await using rabbit = await startRabbit()
    await keepsAll(rabbit.url())
  })
})

test('a page that is asked for when the last of a burst is read has a state, not an error', async () => {
  const clock = new FakeClock()
  const app = createTestApp('shop', { clock, env: {} })
  const broker = await connectionsOf(app).broker()
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
  const dashboard = await openDashboard({ fleets: [{ name: 'main', app }], db: join(folder, 'h') })
  // Each is more than is read in one go, and a page reads before it tells how far it is behind.
  const large = (host: string) => {
    const beat = { type: 'worker-heartbeat', hostname: host, timestamp: clock.now() / 1000, clock: 1, pid: 1 }
    return JSON.stringify(Array.from({ length: 40_000 }, () => beat))
  }
  await Promise.all([send(broker, large('w1@box')), send(broker, large('w2@box'))])
  clock.jump(clock.now() + 3_000)
  const troubles = () => dashboard.fleetOf(undefined).troubles()
  expect(troubles()).toContainEqual({
    kind: 'behind',
    message: 'Events come faster than they are written: this page is 3 s behind.',
    advice: expect.stringContaining('none is lost'),
    sinceMs: null,
  })
  expect(troubles().map(({ kind }) => kind)).not.toContain('behind')
  await dashboard.close()
  await app.close()
  rmSync(folder, { recursive: true })
})

test('a subscriber that Redis has cut off says so on its pages, and fills what it has missed from results', async () => {
  // The limit of a server that keeps little for a subscriber.
  await using redis = await startRedis({ config: { 'client-output-buffer-limit': 'pubsub 4mb 4mb 60' } })
  const settings = { broker: redis.url, backend: redis.url, env: {} } as const
  const app = createTestApp('sender', settings)
  const worker = createTestApp('shop', settings)
  worker.task({ name: 'shop.add', run: (_context, a: number, b: number) => a + b })
  const { startTestWorker } = await import('lovage/testing')
  await using dashboard = await startDashboard(redis.url, redis.url)
  const known = await app.sendTask('shop.add', { args: [1, 2] })
  app.events.send('task-received', { uuid: known.id, name: 'shop.add' })
  const stateOf = async () => (await dashboard.tasks(`id:${known.id}`)).data.items[0]?.state
  await until(async () => (await stateOf()) === 'RECEIVED', patient)
  dashboard.child.kill('SIGSTOP')
  await burst(app, 20_000)
  const running = await startTestWorker(worker)
  await known.get({ timeout: 30 })
  dashboard.child.kill('SIGCONT')
  await until(async () => (await stateOf()) === 'SUCCESS', patient)
  const gaps = await until(async () => {
    const page = await dashboard.overview()
    return page.gaps.some(({ filled }) => filled > 0) ? page.gaps : undefined
  }, patient)
  expect(gaps).toMatchObject([{ reason: 'cut-off' }])
  expect(await dashboard.html('')).toContain('the broker cut the connection')
  await running.stop()
  await worker.close()
  await app.close()
})

test('a dashboard that stood still says that RabbitMQ may have dropped events meanwhile', async () => {
  await using rabbit = await startRabbit()
  const app = createTestApp('sender', { broker: rabbit.url(), env: {} })
  await using dashboard = await startDashboard(rabbit.url())
  await until(async () => {
    app.events.send('task-received', { uuid: 'first', name: 'shop.add' })
    return (await dashboard.tasks()).data.size === 1
  }, patient)
  dashboard.child.kill('SIGSTOP')
  // Longer than the time after which the server drops an event, counted from when its check was due.
  await new Promise((resolve) => setTimeout(resolve, 9_000))
  dashboard.child.kill('SIGCONT')
  const gaps = await until(async () => {
    const page = await dashboard.overview()
    return page.gaps.length > 0 ? page.gaps : undefined
  }, patient)
  expect(gaps).toMatchObject([{ reason: 'held-up' }])
  await app.close()
})
