import { afterEach, expect, test } from 'vitest'
import type { Lovage } from '../app/index.js'
import { createTestApp, startTestWorker, until } from '../testing/index.js'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
const to = { destination: 'a@box', timeout: 20 }

async function open(settings: object = {}): Promise<Lovage> {
  const app = createTestApp('forms', { taskDefaultQueue: 'work', ...settings })
  ends.push(() => app.close())
  return app
}
async function work(app: Lovage, hostname = 'a@box') {
  const worker = await startTestWorker(app, { hostname, concurrency: 2 })
  ends.push(() => worker.stop())
  return worker
}
const answer = async (app: Lovage, method: string, args: object, options: object = to) =>
  Object.values(await app.control.broadcast(method, args as Record<string, unknown>, options))[0]

test('terminate: 1, as Flower says it, stops a task that runs', async () => {
  const app = await open()
  let isStopped = false
  const hold = app.task({
    name: 'hold',
    run: (ctx) =>
      new Promise<void>((resolve) => {
        ctx.signal.addEventListener('abort', () => {
          isStopped = true
          resolve()
        })
      }),
  })
  const worker = await work(app)
  const result = await hold.delay()
  await until(() => worker.active.length === 1)
  expect(await answer(app, 'revoke', { task_id: [result.id], terminate: 1, signal: 15 })).toEqual({
    ok: `terminate: ${result.id}`,
  })
  await until(() => isStopped)
  await until(async () => (await result.state()) === 'REVOKED')
})

test('stamps of any JSON value revoke, whatever the order of their fields', async () => {
  const app = await open()
  const mail = app.task({ name: 'mail', run: () => 'sent' })
  for (const value of [42, 1.5, true, { a: 1, b: [2] }]) {
    const stamped = await mail.s().stamp({ tenant: value }).delay()
    const other = await mail.s().stamp({ tenant: 'other' }).delay()
    await app.control.revokeByStampedHeaders({
      tenant: [typeof value === 'object' ? { b: [2], a: 1 } : value],
    })
    const worker = await work(app)
    await until(async () => (await stamped.state()) === 'REVOKED')
    expect(await other.get({ timeout: 20 })).toBe('sent')
    await worker.stop()
  }
})

test('what is revoked by stamps is answered as Python writes it', async () => {
  const app = await open()
  await work(app)
  const headers = { tenant: ['x', 42, null], urgent: true }
  const shown = "{'tenant': ['x', 42, None], 'urgent': True}"
  expect(await answer(app, 'revoke_by_stamped_headers', { headers })).toEqual({
    ok: `headers ${shown} flagged as revoked, but not terminated`,
  })
  expect(await answer(app, 'revoke_by_stamped_headers', { headers, terminate: 'true' })).toEqual({
    ok: `headers ${shown} were not terminated`,
  })
  expect(await answer(app, 'revoke', { task_id: "it's" })).toEqual({
    ok: `tasks {"it's"} flagged as revoked`,
  })
})

test('tasks that are registered are shown as Python prints them', async () => {
  const app = await open({ taskSerializer: 'json' })
  app.task({ name: 'plain', run: () => {} })
  app.task({ name: 'slow', rateLimit: '10/m', maxRetries: 5, acksLate: false, run: () => {} })
  await work(app)
  expect(await answer(app, 'registered', {})).toEqual(['plain', 'slow [rate_limit=10/m]'])
  expect(
    await answer(app, 'registered', { taskinfoitems: ['name', 'max_retries', 'acks_late', 'nosuch'] }),
  ).toEqual([
    'plain [name=plain max_retries=3 acks_late=True]',
    'slow [name=slow max_retries=5 acks_late=False]',
  ])
  expect(await answer(app, 'registered', { builtins: 0 })).not.toContainEqual(
    expect.stringMatching(/^celery\./),
  )
  expect(await answer(app, 'registered', { builtins: 1 })).toContainEqual(expect.stringMatching(/^celery\./))
})

test('settings show what was changed, and no mask where nothing is set', async () => {
  const app = await open({ taskTimeLimit: 30, securityKeyPassword: undefined, taskRoutes: [] })
  await work(app)
  const changed = (await answer(app, 'conf', {})) as Record<string, unknown>
  expect(changed).toMatchObject({ task_time_limit: 30, task_default_queue: 'work' })
  expect(Object.keys(changed)).not.toContain('task_routes')
  expect(Object.keys(changed)).not.toContain('security_key_password')
  const all = (await answer(app, 'conf', { with_defaults: 'true' })) as Record<string, unknown>
  expect(all).toMatchObject({ security_key_password: null, encryption_keys: [], task_routes: [] })
})

test('a task with a time is listed once in a fleet, with its arguments', async () => {
  const app = await open()
  const mail = app.task({ name: 'mail', run: (_ctx, _to: string) => {} })
  await work(app)
  await work(app, 'b@box')
  const eta = new Date(Date.now() + 3_600_000)
  const { id } = await mail.applyAsync(['a@example.org'], { eta, priority: 7 })
  const answers = Object.values(await app.control.inspect({ timeout: 20, limit: 2 }).scheduled()).flat()
  expect(answers).toEqual([
    {
      eta: eta.toISOString().replace('Z', '000+00:00'),
      priority: 6,
      request: expect.objectContaining({
        id,
        args: ['a@example.org'],
        kwargs: {},
        delivery_info: expect.objectContaining({ routing_key: 'work', priority: 2 }),
      }),
    },
  ])
})

test('a task knows the properties of its message', async () => {
  const app = await open()
  const tell = app.task({ name: 'tell', run: (ctx) => ctx.properties.priority ?? null })
  await work(app)
  expect(await (await tell.applyAsync([], { priority: 4 })).get({ timeout: 20 })).toBe(4)
})
