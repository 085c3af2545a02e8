import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test, vi } from 'vitest'
import { pythonCelery, startRedis } from '../servers.js'
import { askDashboard } from './fleet-page.js'

vi.setConfig({ testTimeout: 120_000 })
const patient = { timeoutMs: 45_000 }
const LOVAGE = fileURLToPath(new URL('../../packages/lovage/bin/lovage.js', import.meta.url))

interface TaskOf {
  readonly state: string
  readonly source: string
}

test('what happened while the dashboard was down is seen as a gap, and filled from results, queues and dead letters', async () => {
  await using redis = await startRedis()
  const settings = { broker: redis.url, backend: redis.url, env: {} } as const
  const app = createTestApp('shop', settings)
  const client = createTestApp('client', settings)
  let end: (value: string) => void = () => {}
  const wait = new Promise<string>((resolve) => {
    end = resolve
  })
  app.task({ name: 'shop.wait', run: () => wait })
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
  const first = await askDashboard({ main: client }, { folder })
  const taskOf = async (asked: typeof first, id: string) =>
    (await asked.get(`/tasks?q=id:${id}`)).body.data.items[0]
  const worker = await startTestWorker(app, { hostname: 'w1@box' })
  await client.control.enableEvents({ destination: 'w1@box', timeout: 20 })
  const begun = await client.sendTask('shop.wait')
  await until(async () => (await taskOf(first, begun.id))?.state === 'STARTED', patient)
  await first.close()

  end('done')
  await begun.get({ timeout: 20 })
  const unknown = await client.sendTask('shop.unknown')
  await unknown.get({ propagate: false, timeout: 20 })
  const waiting = await client.sendTask('shop.wait', { queue: 'idle' })
  // Longer than a dashboard may be away without a word.
  await new Promise((resolve) => setTimeout(resolve, 3_200))
  await using second = await askDashboard({ main: client }, { folder })
  await until(async () => (await taskOf(second, begun.id))?.state === 'SUCCESS', patient)
  await until(async () => (await taskOf(second, unknown.id))?.state === 'FAILURE', patient)
  expect(await taskOf(second, unknown.id)).toMatchObject({ name: 'shop.unknown', source: 'dead-letter' })
  expect(await taskOf(second, waiting.id)).toMatchObject({
    name: 'shop.wait',
    queue: 'idle',
    state: 'PENDING',
    source: 'queue',
  })
  const gaps = async () => (await second.get('/')).body.gaps as { filled: number }[]
  await until(async () => (await gaps())[0]?.filled === 3, patient)
  expect(await gaps()).toMatchObject([{ reason: 'down', lostEvents: null, filled: 3 }])
  await worker.stop()
  await app.close()
  await client.close()
})

test('a dashboard that is killed has what it wrote, and goes on', async () => {
  await using redis = await startRedis()
  const client = createTestApp('client', { broker: redis.url, backend: redis.url, env: {} })
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
  const start = async () => {
    const argv = [
      '-b',
      redis.url,
      '--result-backend',
      redis.url,
      'dashboard',
      '--port=0',
      `--db=${join(folder, 'h')}`,
      '--unauthenticated-api',
    ]
    const child = spawn(process.execPath, [LOVAGE, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const url = await until(() => /is at (http:\S+)/.exec(said)?.[1], patient)
    return { child, url }
  }
  const tell = (id: string): void =>
    void client.events.send('task-received', { uuid: id, name: 'told', args: '()', kwargs: '{}' })
  const one = await start()
  tell('before')
  await until(async () => (await fetch(`${one.url}api/task/info/before`)).status === 200, patient)
  one.child.kill('SIGKILL')
  await once(one.child, 'exit')
  const other = await start()
  expect(await (await fetch(`${other.url}api/task/info/before`)).json()).toMatchObject({
    name: 'told',
    state: 'RECEIVED',
  })
  tell('after')
  await until(async () => (await fetch(`${other.url}api/task/info/after`)).status === 200, patient)
  other.child.kill('SIGTERM')
  const [code] = await once(other.child, 'exit')
  expect(code).toBe(0)
  await client.close()
  rmSync(folder, { recursive: true })
})

test('a worker that is killed is shown as lost, and so is what ran there', async () => {
  await using redis = await startRedis()
  const client = createTestApp('client', { broker: redis.url, backend: redis.url, env: {} })
  const folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-'))
  const source = join(folder, 'app.mjs')
  const lovage = new URL('../../packages/lovage/dist/index.js', import.meta.url).href
  writeFileSync(
    source,
    `import { Lovage } from '${lovage}'
export const app = new Lovage('shop', { broker: '${redis.url}', backend: '${redis.url}' })
app.task({ name: 'shop.nap', run: () => new Promise(() => {}) })
`,
  )
  await using dashboard = await askDashboard({ main: client }, { folder })
  const worker = spawn(process.execPath, [LOVAGE, '-A', source, 'worker', '-E', '-n', 'doomed@box'], {
    stdio: 'ignore',
  })
  const lines = async () => (await dashboard.get('/workers')).body.data.items
  await until(async () => (await lines())[0]?.state === 'alive', patient)
  const { id } = await client.sendTask('shop.nap')
  const task = async () => (await dashboard.get(`/task/${id}`)).body.data
  await until(async () => ((await task())?.task as TaskOf | undefined)?.state === 'STARTED', patient)
  expect(await task()).toMatchObject({
    isLost: false,
    attempts: [{ outcome: 'running', worker: 'doomed@box' }],
  })
  worker.kill('SIGKILL')
  const killedMs = Date.now()
  await until(async () => (await lines())[0]?.state === 'lost', patient)
  // The default lease is 30 s; it is seen long before.
  expect(Date.now() - killedMs).toBeLessThan(30_000)
  expect(await task()).toMatchObject({
    isLost: true,
    why: [{ kind: 'worker-lost' }],
    attempts: [{ outcome: 'lost' }],
  })
  expect(((await dashboard.get('/')).body.data.workers as { lost: string[] }).lost).toEqual(['doomed@box'])
  await client.close()
})

test('workers that tell nothing of their tasks are named, and one action makes them tell', async () => {
  await using redis = await startRedis()
  await using _python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
      @app.task(name='tasks.add')
      def add(x, y):
          return x + y
    `,
  })
  const client = createTestApp('client', { broker: redis.url, backend: redis.url, env: {} })
  await using dashboard = await askDashboard({ main: client }, { enableEvents: false })
  const troubles = async () => (await dashboard.get('/')).body.troubles as { kind: string; action?: string }[]
  await until(async () => (await dashboard.get('/workers')).body.data.items.length === 1, patient)
  const run = async () => {
    const result = await client.sendTask('tasks.add', { args: [1, 2] })
    await result.get({ timeout: 20 })
    return result.id
  }
  await until(async () => {
    await run()
    return (await troubles()).some(
      ({ kind, action }) => kind === 'workers-silent' && action === 'fleet.enable-events',
    )
  }, patient)
  expect((await dashboard.act({ kind: 'fleet.enable-events' })).body).toMatchObject({
    status: 'done',
    count: 1,
  })
  const id = await run()
  await until(
    async () => (await dashboard.get('/tasks')).body.data.items.some((item) => item.id === id),
    patient,
  )
  await until(async () => !(await troubles()).some(({ kind }) => kind === 'workers-silent'), patient)
  await client.close()
})

test('forged, huge and malformed events change no page and no bound', async () => {
  await using redis = await startRedis()
  const client = createTestApp('client', { broker: redis.url, backend: redis.url, env: {} })
  await using dashboard = await askDashboard({ main: client })
  const say = async (body: string) => {
    await client.events.flush()
    const { connectionsOf } = await import('lovage/driver')
    await (await connectionsOf(client).broker()).broadcast({
      headers: {},
      body,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
      exchange: 'celeryev',
      routingKey: 'task.multi',
    })
  }
  const event = (fields: object) => ({
    type: 'task-received',
    hostname: 'w@box',
    timestamp: Date.now() / 1000,
    clock: 1,
    pid: 1,
    ...fields,
  })
  for (const body of [
    'null',
    '{broken',
    '[[[]], 7, {"type": 1}]',
    JSON.stringify([
      event({ uuid: {} }),
      event({ uuid: 'x'.repeat(9999) }),
      event({ uuid: 'a', hostname: '' }),
    ]),
  ])
    await say(body)
  const huge = event({
    uuid: 'huge',
    name: '<script>alert(1)</script>',
    args: 'y'.repeat(1_000_000),
    kwargs: "{'password': 'hunter2'}",
    traceback: 'z'.repeat(1_000_000),
  })
  await say(JSON.stringify([huge]))
  for (let batch = 0; batch < 20; batch++)
    await say(
      JSON.stringify(
        Array.from({ length: 1000 }, (_, n) =>
          event({ uuid: `f${batch}-${n}`, name: `forged.${batch}.${n}`, hostname: `w${n}@box` }),
        ),
      ),
    )
  await until(
    async () => ((await dashboard.get('/broker')).body.data.history as { tasks: number }).tasks === 20_001,
    patient,
  )
  const task = (await dashboard.get('/task/huge')).body.data.task as Record<string, string>
  expect(task.args).toHaveLength(1024)
  expect(task.traceback?.length).toBeLessThan(17_000)
  expect(task.kwargs).toBe("{'password': '********'}")
  expect(
    ((await dashboard.get('/broker')).body.data.events as { unreadable: number }).unreadable,
  ).toBeGreaterThan(0)
  for (const page of ['/', '/tasks', '/workers', '/queues', '/workflows'])
    expect((await dashboard.get(page)).status).toBe(200)
  await client.close()
})

test('a broker that is lost is a state of the page, and what was missed meanwhile is a gap', async () => {
  await using redis = await startRedis()
  const client = createTestApp('client', { broker: redis.url, backend: redis.url, env: {} })
  await using dashboard = await askDashboard({ main: client })
  const kinds = async () =>
    ((await dashboard.get('/queues')).body.troubles as { kind: string }[]).map(({ kind }) => kind)
  expect(await kinds()).not.toContain('broker-lost')
  await redis.kill()
  await until(
    async () => (await kinds()).some((kind) => kind === 'broker-lost' || kind === 'not-listening'),
    patient,
  )
  expect((await dashboard.get('/tasks')).status).toBe(200)
  await redis.restart()
  await until(
    async () => !(await kinds()).some((kind) => kind === 'broker-lost' || kind === 'not-listening'),
    patient,
  )
  await client.close()
})

test('several fleets stand in one dashboard, each for itself', async () => {
  await using one = await startRedis()
  await using other = await startRedis()
  const [shop, mail] = [one, other].map(({ url }) =>
    createTestApp('client', { broker: url, backend: url, env: {} }),
  )
  if (!shop || !mail) throw new Error('there are two')
  await using dashboard = await askDashboard({ shop, mail })
  mail.events.send('task-received', { uuid: 'm1', name: 'mail.send' })
  await until(async () => (await dashboard.get('/tasks?fleet=mail')).body.data.items.length === 1, patient)
  expect((await dashboard.get('/tasks')).body).toMatchObject({
    fleet: 'shop',
    fleets: ['shop', 'mail'],
    data: { items: [] },
  })
  expect((await dashboard.act({ kind: 'queue.pause', queue: 'celery' }, 'mail')).body.status).toBe('done')
  expect((await dashboard.get('/audit?fleet=mail')).body.data.items).toHaveLength(1)
  expect((await dashboard.get('/audit')).body.data.items).toHaveLength(0)
  await shop.close()
  await mail.close()
})
