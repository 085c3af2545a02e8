import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestWorker, until } from 'lovage/testing'
import { openMailbox } from 'lovage-systems-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRegister } from '../dev/register.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-platform-'))

async function start() {
  const [register, mailbox] = await Promise.all([startRegister(), openMailbox()])
  Object.assign(process.env, {
    DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    REGISTER_URL: register.url,
    SMTP_URL: mailbox.url,
    OPERATORS_MAIL: 'operators@example.com',
    ADMIN_TOKEN: 'secret-of-admins',
    DASHBOARD_DB: join(folder, 'dashboard'),
  })
  const { app } = await import('../celery_app.js')
  const parts = {
    ...(await import('../app/application.js')),
    ...(await import('../app/workers/base.js')),
    ...(await import('../app/workers/billing.js')),
    ...(await import('../app/workers/kyb.js')),
    ...(await import('../app/workers/notifications.js')),
    ...(await import('../app/workers/dead-letter.js')),
    ...(await import('../app/workers/monitoring.js')),
    ...(await import('../app/administration.js')),
    ...(await import('../web.js')),
    ...(await import('../scripts/test-celery.js')),
  }
  const seen: unknown[] = []
  const peek = app.task({
    ...parts.createTaskDecorator({ maxRetries: 0 }),
    name: 'app.test.peek',
    run: async (ctx, fails: boolean) => {
      seen.push(ctx.id)
      await parts
        .db()
        .query('INSERT INTO counterparties (id, state, checked_ms) VALUES ($1, $2, 0)', [ctx.id, 'seen'])
      if (fails) throw new Error('after the write')
      return { same: parts.current().db === parts.db(), smtp: parts.current().config.smtpUrl }
    },
  })
  const worker = await startTestWorker(app, { concurrency: 5 })
  return { ...parts, app, worker, register, mailbox, peek, seen, data: await parts.database() }
}

let it: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  it = await start()
  for (const [id, plan] of [
    ['sub_1', 'basic'],
    ['sub_2', 'unheard-of'],
  ] as const)
    await it.data.query('INSERT INTO subscriptions (id, plan, periods) VALUES ($1, $2, 0)', [id, plan])
})
afterAll(async () => {
  await it.worker.stop()
  await it.closeAdministration()
  await it.app.close()
  await it.data.close()
  await Promise.all([it.register.close(), it.mailbox.close()])
  rmSync(folder, { recursive: true })
})

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const periods = async (id: string) =>
  (await it.data.query('SELECT periods FROM subscriptions WHERE id = $1', [id]))[0]?.periods

describe('a base worker', () => {
  test('gives each run the application, and its own transaction', async () => {
    const results = await Promise.all([it.peek.delay(false), it.peek.delay(false)])
    for (const result of results)
      expect(await result.get({ timeout: 20 })).toEqual({ same: true, smtp: it.mailbox.url })
    expect(() => it.current()).toThrow('There is no application context here')
  })

  test('keeps nothing of a run that threw, and the failure as a dead letter', async () => {
    const result = await it.peek.delay(true)
    expect(await result.get({ timeout: 20 }).catch(messageOf)).toContain('after the write')
    expect(await it.data.query('SELECT id FROM counterparties WHERE id = $1', [result.id])).toEqual([])
    const [letter] = await it.getDeadLetterTasks({ task: 'app.test.peek' })
    expect(letter).toMatchObject({
      task_id: result.id,
      queue: 'default',
      args: [true],
      exception: expect.stringContaining('after the write'),
    })
  })

  test('takes back what a run wrote before it found that it could not go on', async () => {
    const result = await it.processSubscription.delay({ subscription_id: 'sub_2' })
    expect(await result.get({ timeout: 20 }).catch(messageOf)).toContain('unknown plan unheard-of')
    expect(await periods('sub_2')).toBe(0)
  })

  test('whose worker died after its transaction gives the same result again and does nothing twice', async () => {
    const first = await it.processSubscription.delay({ subscription_id: 'sub_1' })
    const result = await first.get({ timeout: 20 })
    // The message again, as it comes when nobody could say that it was done.
    await it.processSubscription.applyAsync({ subscription_id: 'sub_1' }, { taskId: first.id })
    const ended = new Promise((resolve) =>
      it.app.signals.on('taskSuccess', (event) => event.context.id === first.id && resolve(event.result)),
    )
    expect(await ended).toEqual(result)
    expect(await periods('sub_1')).toBe(1)
  })

  test('counts its runs, failures and times', async () => {
    const performance = await new it.TaskQueueMonitor().performance()
    expect(performance.find(({ task_name }) => task_name === 'app.test.peek')).toMatchObject({
      runs: 3,
      failures: 1,
    })
  })
})

test('dead letters are counted, sent again by a task, and cleaned up', async () => {
  await it.data.query(`UPDATE subscriptions SET plan = 'team' WHERE id = 'sub_2'`)
  const [letter] = await it.getDeadLetterTasks({ task: 'app.workers.billing.process_subscription' })
  expect(
    await (await it.retryDeadLetters.delay({ ids: [String(letter?.id), 'unknown'] })).get({ timeout: 20 }),
  ).toEqual({ retried: 1 })
  await until(async () => (await periods('sub_2')) === 1)
  const id = await it.processDeadLetterTask({
    task: 'app.test.peek',
    args: [false],
    error: new Error('from a request'),
  })
  expect((await it.getDeadLetterTasks()).map((each) => each.id)).toContain(id)
  expect(await it.getDeadLetterStats()).toMatchObject({ total: 2 })
  expect(await (await it.cleanupOldDeadLetters.delay()).get({ timeout: 20 })).toEqual({ removed: 0 })
})

test('a register that is down opens the circuit breaker: nobody asks it, and health is degraded', async () => {
  it.register.isDown = true
  const results = await Promise.all(
    Array.from({ length: 6 }, (_, index) => it.checkCounterparty.delay({ company_id: `DE${index}` })),
  )
  await until(async () => (await it.getQueueHealth()).breakers.length === 1, { timeoutMs: 20_000 })
  expect(await it.getQueueHealth()).toMatchObject({ status: 'degraded' })
  const { requests } = it.register
  it.register.isDown = false
  const unknown = await it.checkCounterparty.delay({ company_id: 'X1' })
  for (const result of results) expect(await result.get({ timeout: 25 })).toMatchObject({ status: 'active' })
  expect(await unknown.get({ timeout: 20 }).catch(messageOf)).toContain('The register has no company X1.')
  expect(it.register.requests - requests).toBe(7)
})

describe('the web application', () => {
  const post = (path: string, body: string, headers = {}) =>
    it.web.request(path, { method: 'POST', body, headers })

  test('sends a task and tells what became of it', async () => {
    const answer = await post(
      '/tasks/app.workers.notifications.send_notification',
      JSON.stringify({ to: 'ada@example.com', subject: 'Hi', text: 'there' }),
    )
    const { task_id } = (await answer.json()) as { task_id: string }
    await it.app.asyncResult(task_id).get({ timeout: 20 })
    const status = await it.web.request(`/tasks/${task_id}`)
    expect(await status.json()).toMatchObject({
      task_id,
      status: 'SUCCESS',
      known: true,
      result: { to: 'ada@example.com' },
    })
    expect(it.mailbox.mails.find(({ to }) => to.includes('ada@example.com'))?.raw).toContain(
      `<${task_id}@task-platform>`,
    )
    expect((await it.web.request('/tasks/none')).status).toBe(404)
  })

  test('takes a request that is repeated under its key for the same task, and one with other arguments for another', async () => {
    const ask = async (to: string): Promise<string> => {
      const mail = JSON.stringify({ to, subject: 'Hi', text: 'there' })
      const answer = await post('/tasks/app.workers.notifications.send_notification', mail, {
        'idempotency-key': 'greetings',
      })
      return ((await answer.json()) as { task_id: string }).task_id
    }
    const [first, again, different] = [
      await ask('bo@example.com'),
      await ask('bo@example.com'),
      await ask('cy@example.com'),
    ]
    expect(again).toBe(first)
    expect(different).not.toBe(first)
    for (const id of [first, different]) await it.app.asyncResult(id).get({ timeout: 20 })
    const mailed = (to: string) => it.mailbox.mails.filter((mail) => mail.to.includes(to)).length
    expect([mailed('bo@example.com'), mailed('cy@example.com')]).toEqual([1, 1])
  })

  test.each([
    ['arguments that do not fit', '/tasks/app.workers.billing.process_subscription', '{"id":1}', 400],
    ['what is no JSON', '/tasks/app.workers.billing.process_subscription', '{', 400],
    ['a task that is not there', '/tasks/app.workers.nothing', '{}', 404],
    ['administration by a stranger', '/admin/dead-letters/retry', '{"ids":["x"]}', 401],
  ])('refuses %s', async (_what, path, body, status) => {
    expect((await post(path, body)).status).toBe(status)
  })

  test('lets an administrator look at failures, workers and times', async () => {
    const headers = { authorization: 'Bearer secret-of-admins' }
    const [letters, performance, workers] = await Promise.all(
      ['dead-letters', 'performance', 'workers'].map(async (page) =>
        (await it.web.request(`/admin/${page}`, { headers })).json(),
      ),
    )
    expect(letters).toMatchObject({ stats: { total: expect.any(Number) }, tasks: expect.any(Array) })
    expect(performance).toContainEqual(
      expect.objectContaining({ task_name: 'app.workers.kyb.check_counterparty' }),
    )
    expect(Object.keys(workers as object)).toHaveLength(1)
  })

  test('serves the dashboard to administrators: failures are filtered, and shown with their exception', async () => {
    const page = (path: string, password: string) =>
      it.web.request(`/admin/dashboard${path}`, {
        headers: { authorization: `Basic ${btoa(`ada:${password}`)}` },
      })
    expect((await page('/', 'guessed')).status).toBe(401)
    expect(await (await page('/', 'secret-of-admins')).text()).toContain('href="/admin/dashboard/tasks')
    const failed = await it.peek.delay(true)
    await failed.get({ timeout: 20 }).catch(messageOf)
    const rows = await until(async () => {
      const text = await (await page('/tasks?q=state:FAILURE', 'secret-of-admins')).text()
      return text.includes(failed.id) ? text : undefined
    })
    expect(rows).toContain('app.test.peek')
    expect(await (await page(`/task/${failed.id}`, 'secret-of-admins')).text()).toContain('after the write')
  })

  test('answers load balancers', async () => {
    const [live, ready] = await Promise.all(
      ['live', 'ready'].map((path) => it.web.request(`/health/${path}`)),
    )
    expect([live?.status, ready?.status]).toEqual([200, 200])
  })
})

test('the test script says PASS or FAIL for each step', async () => {
  const lines: string[] = []
  expect(await it.testCelery((line) => lines.push(line)), lines.join('\n')).toBe(0)
  expect(lines.find((line) => line.includes('demo task'))).toContain('PASS')
  process.env.SMTP_URL = 'smtp://127.0.0.1:9'
  lines.length = 0
  expect(await it.testCelery((line) => lines.push(line))).toBe(1)
  process.env.SMTP_URL = it.mailbox.url
  expect(lines.find((line) => line.includes('FAIL  mail'))).toContain('Check SMTP_URL.')
})
