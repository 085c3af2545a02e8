import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestWorker, until } from 'lovage/testing'
import { openMailbox } from 'lovage-systems-kit'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWebSite } from '../dev/web-site.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-monitoring-'))
const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const DAY_MS = 86_400_000

async function start() {
  const [site, mailbox] = await Promise.all([startWebSite(), openMailbox()])
  Object.assign(process.env, {
    DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    SMTP_URL: mailbox.url,
    ALERT_WEBHOOK_SECRET: SECRET,
    LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
    ALLOW_PRIVATE_ADDRESSES: '1',
    CHECK_RATE: '60000/m',
    ALERT_RATE: '60000/m',
  })
  const { app } = await import('../consultantos/jobs/celery_app.js')
  const parts = {
    ...(await import('../consultantos/data.js')),
    ...(await import('../consultantos/jobs/tasks.js')),
    ...(await import('../consultantos/jobs/task_monitor.js')),
    ...(await import('../consultantos/pages/monitor.js')),
    ...(await import('../consultantos/alerts/alert.js')),
    ...(await import('../consultantos/alerts/hooks.js')),
    ...(await import('../api.js')),
  }
  const worker = await startTestWorker(app, { concurrency: 5 })
  return { ...parts, app, worker, site, mailbox, db: await parts.data() }
}

let it: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  it = await start()
})
afterAll(async () => {
  await it.worker.stop()
  await it.hooks.close()
  await it.app.close()
  await it.db.close()
  await Promise.all([it.site.close(), it.mailbox.close()])
  rmSync(folder, { recursive: true })
})

let pages = 0
async function addPage(channels: readonly string[] = []) {
  const path = `/test-${++pages}`
  const monitor = { id: `m${pages}`, name: `page ${pages}`, url: it.site.url + path, every_s: 60, channels }
  await it.addMonitor(it.db, monitor, 0)
  const check = async () => (await it.checkMonitorTask.delay({ monitor_id: monitor.id })).get({ timeout: 20 })
  return { ...monitor, path, check }
}
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

describe('a check', () => {
  test('says what has changed, and not what no reader sees', async () => {
    const page = await addPage()
    expect([await page.check(), await page.check()]).toMatchObject([
      { changed: false, alerts: [] },
      { changed: false, alerts: [] },
    ])
    it.site.versions.set(page.path, 2)
    expect(await page.check()).toMatchObject({ status: 200, changed: true, alerts: ['changed'] })
    const [snapshot] = await it.db.query(
      'SELECT difference FROM snapshots WHERE monitor_id = $1 AND changed = 1',
      [page.id],
    )
    expect(snapshot?.difference).toBe('- Coffee 1.50\n+ Coffee 2.50')
  })

  test('tells once that a page is down and once that it is up', async () => {
    const page = await addPage()
    await page.check()
    it.site.down.add(page.path)
    const seen = [await page.check(), await page.check()]
    it.site.down.delete(page.path)
    seen.push(await page.check())
    expect(seen.map(({ status, alerts }) => [status, alerts])).toEqual([
      [503, ['down']],
      [503, []],
      [200, ['up']],
    ])
  })

  test('of a server that is not there is a finding, not an error', async () => {
    await it.addMonitor(
      it.db,
      { id: 'gone', name: 'gone', url: 'http://127.0.0.1:9/', every_s: 60, channels: [] },
      0,
    )
    expect(
      await (await it.checkMonitorTask.delay({ monitor_id: 'gone' })).get({ timeout: 20 }),
    ).toMatchObject({ status: 0, alerts: ['down'] })
  })

  test('finds what is unusual, by the model of the last training', async () => {
    const page = await addPage()
    for (let index = 0; index < 30; index++)
      await it.db.query(
        `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed) VALUES ($1, $2, 0, 200, $3, 150, '', '', 0)`,
        [`${page.id}-${index}`, page.id, 40 + (index % 10)],
      )
    it.site.slowMs.set(page.path, 900)
    expect((await page.check()).alerts).not.toContain('anomaly')
    await (await it.trainAnomalyModelTask.delay()).get({ timeout: 20 })
    expect((await page.check()).alerts).toContain('anomaly')
    const [alert] = await it.db.query(
      `SELECT message FROM alerts WHERE monitor_id = $1 AND kind = 'anomaly'`,
      [page.id],
    )
    expect(alert?.message).toMatch(/duration_ms is \d+, usual is 4\d ± \d/)
  })

  test('never looks inside our walls', async () => {
    Reflect.deleteProperty(process.env, 'ALLOW_PRIVATE_ADDRESSES')
    const page = await addPage()
    const errors = []
    for (const url of [
      page.url,
      it.site.url.replace('127.0.0.1', 'localhost'),
      'http://[::1]/',
      'http://169.254.169.254/latest',
    ]) {
      await it.addMonitor(it.db, { ...page, id: 'inside', url }, 0)
      errors.push(
        await (await it.checkMonitorTask.delay({ monitor_id: 'inside' }))
          .get({ timeout: 20 })
          .catch(messageOf),
      )
    }
    process.env.ALLOW_PRIVATE_ADDRESSES = '1'
    expect(errors).toHaveLength(4)
    for (const error of errors) expect(error).toContain('is not a public address.')
  })
})

describe('an alert', () => {
  test('goes to mail, Slack and a webhook that can check it', async () => {
    const page = await addPage([
      'mail:ada@example.com',
      `slack:${it.site.url}/slack`,
      `webhook:${it.site.url}/webhook`,
    ])
    await page.check()
    it.site.versions.set(page.path, 3)
    await page.check()
    await until(
      () => it.site.webhooks.length === 1 && it.mailbox.mails.length === 1 && it.site.slack.length === 1,
      { timeoutMs: 20_000 },
    )
    expect(it.mailbox.mails[0]).toMatchObject({
      to: ['ada@example.com'],
      subject: `${page.name} has changed`,
    })
    expect(it.site.slack[0]).toMatchObject({
      text: `${page.name} has changed`,
      blocks: [{ type: 'header' }, { type: 'section' }, { type: 'context' }],
    })
    const [webhook] = it.site.webhooks
    expect(new Webhook(SECRET).verify(String(webhook?.body), webhook?.headers ?? {})).toMatchObject({
      type: 'monitor.changed',
      data: { name: page.name },
    })
  })

  test('is told again only where it was not told, and a channel that fails keeps no other from it', async () => {
    const slack = it.site.slack.length
    const { id } = await addPage(['mail:once@example.com', `slack:${it.site.url}/slack`])
    await it.raiseAlert(it.db, { id: 'a1', monitor_id: id, kind: 'down', message: 'it answers 503' }, 0)
    const retried = new Promise<void>((resolve) =>
      it.app.signals.on('taskRetry', ({ context }) => context.kwargs.alert_id === 'a1' && resolve()),
    )
    process.env.SMTP_URL = 'smtp://127.0.0.1:9'
    const result = await it.processAlertTask.delay({ alert_id: 'a1' })
    await retried
    process.env.SMTP_URL = it.mailbox.url
    await result.get({ timeout: 25 })
    expect(it.mailbox.mails.filter(({ to }) => to.includes('once@example.com'))).toHaveLength(1)
    await until(() => it.site.slack.length > slack, { timeoutMs: 20_000 })
    expect(it.site.slack).toHaveLength(slack + 1)
  })

  test('to a receiver that is down is kept with its attempts, and arrives when it is up', async () => {
    const url = `${it.site.url}/webhook?later`
    const { id } = await addPage([`webhook:${url}`])
    it.site.down.add('/webhook?later')
    await it.raiseAlert(it.db, { id: 'a2', monitor_id: id, kind: 'down', message: 'it answers 503' }, 0)
    await (await it.processAlertTask.delay({ alert_id: 'a2' })).get({ timeout: 20 })
    const delivery = await until(
      async () =>
        (await it.hooks.deliveries.list({})).items.find(
          ({ eventId, attempts }) => eventId.startsWith('msg_a2_') && attempts > 0,
        ),
      { timeoutMs: 20_000 },
    )
    const { items } = await it.hooks.deliveries.attempts({ deliveryId: String(delivery?.id) })
    expect(items).toMatchObject([{ outcome: 'http', status: 503 }])
    it.site.down.delete('/webhook?later')
    const before = it.site.webhooks.length
    await it.hooks.deliveries.replay(String(delivery?.id))
    await until(() => it.site.webhooks.length === before + 1, { timeoutMs: 20_000 })
    const { headers, body } = it.site.webhooks.at(-1) ?? { headers: {}, body: '' }
    expect(new Webhook(SECRET).verify(body, headers)).toMatchObject({ type: 'monitor.down' })
  })
})

test('a thousand monitors that are due in the same second are sent by one run, and none twice', async () => {
  await it.db.query('UPDATE monitors SET enabled = 0')
  // Every minute, and not again before this test is over.
  const dueMs = Date.now() - 30_000
  await it.db.transaction(async (sql) => {
    for (let index = 0; index < 1000; index++)
      await it.addMonitor(
        sql,
        { id: `due-${index}`, name: 'due', url: `${it.site.url}/due`, every_s: 60, channels: [] },
        dueMs,
      )
  })
  // How soon is measured by `npm run bench -- --only systems`.
  expect(await (await it.checkScheduledMonitorsTask.delay()).get({ timeout: 30 })).toEqual({ sent: 1000 })
  expect(await (await it.checkScheduledMonitorsTask.delay()).get({ timeout: 30 })).toEqual({ sent: 0 })
  const [{ n, first } = { n: 0, first: 0 }] = await it.db.query(
    'SELECT count(*) AS n, min(next_due_ms) AS first FROM monitors WHERE next_due_ms > $1 AND enabled = 1',
    [dueMs],
  )
  expect(n).toBe(1000)
  // In its rhythm: whole minutes after the time at which it was due.
  expect((Number(first) - dueMs) % 60_000).toBe(0)
  await it.db.query('UPDATE monitors SET enabled = 0')
})

describe('daily', () => {
  test('the snapshots of a day are summed up, the same each time', async () => {
    const { id } = await addPage()
    const day = '2026-11-20'
    for (const [index, [status, ms]] of [
      [200, 10],
      [200, 20],
      [503, 30],
    ].entries())
      await it.db.query(
        `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed) VALUES ($1, $2, $3, $4, $5, 1, '', '', $6)`,
        [`day-${index}`, id, Date.parse(day) + index, status ?? 0, ms ?? 0, index === 1 ? 1 : 0],
      )
    for (let times = 0; times < 2; times++)
      await (await it.aggregateSnapshotsTask.delay({ day })).get({ timeout: 20 })
    expect(await it.db.query('SELECT * FROM daily WHERE day = $1', [day])).toEqual([
      { monitor_id: id, day, checks: 3, failures: 1, changes: 1, median_ms: 20, p95_ms: 29 },
    ])
  })

  test('what is older than 90 days goes, but for the newest snapshot of a monitor', async () => {
    const { id } = await addPage()
    await it.db.query('DELETE FROM snapshots')
    for (const [name, age] of [
      ['older', 120],
      ['old', 100],
    ] as const)
      await it.db.query(
        `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed) VALUES ($1, $2, $3, 200, 1, 1, '', '', 0)`,
        [name, id, Date.now() - age * DAY_MS],
      )
    expect(await (await it.cleanupOldDataTask.delay()).get({ timeout: 20 })).toMatchObject({
      snapshots: expect.any(Number),
    })
    expect(await it.db.query('SELECT id FROM snapshots WHERE monitor_id = $1', [id])).toEqual([{ id: 'old' }])
  })
})

test('queues, priorities, rates and times are those of the operations guide', () => {
  const { conf } = it.app
  expect(conf.taskQueues.map((queue) => (typeof queue === 'string' ? queue : queue.name))).toEqual([
    'critical',
    'high',
    'normal',
    'low',
  ])
  const routes = Object.fromEntries(Object.entries(conf.taskRoutes))
  expect(routes['consultantos.jobs.tasks.process_alert_task']).toEqual({ queue: 'high', priority: 8 })
  expect(routes['consultantos.jobs.tasks.check_monitor_task']).toEqual({ queue: 'normal', priority: 5 })
  expect(conf.taskAnnotations).toMatchObject({
    'consultantos.jobs.tasks.run_analysis_task': { rateLimit: '5/m' },
  })
  const times = Object.fromEntries(
    Object.entries(conf.beatSchedule).map(([name, { schedule }]) => [
      name,
      String(typeof schedule === 'object' && 'describe' in schedule ? schedule.describe() : schedule),
    ]),
  )
  expect(times).toMatchObject({
    'check-scheduled-monitors': '60',
    'aggregate-daily-snapshots': expect.stringContaining('0 2'),
    'cleanup-old-data': expect.stringContaining('0 3'),
    'train-anomaly-model': expect.stringContaining('0 4'),
  })
})

describe('the web application', () => {
  const post = (path: string, body: unknown) =>
    it.api.request(path, { method: 'POST', body: JSON.stringify(body) })

  test('adds a monitor, checks it at once and shows what it saw', async () => {
    const monitor = (await (
      await post('/api/monitors', { name: 'shop', url: `${it.site.url}/shop` })
    ).json()) as { id: string }
    const { task_id } = (await (await post(`/api/monitors/${monitor.id}/check`, {})).json()) as {
      task_id: string
    }
    await it.app.asyncResult(task_id).get({ timeout: 20 })
    const seen = await it.api.request(`/api/monitors/${monitor.id}/snapshots`)
    expect(await seen.json()).toMatchObject([{ status: 200, changed: 0 }])
  })

  test('sends any task by its name', async () => {
    const answer = await post('/api/task/async-apply/consultantos.jobs.tasks.aggregate_snapshots_task', {
      kwargs: { day: '2026-01-01' },
    })
    const id = ((await answer.json()) as Record<string, string>)['task-id']
    await it.app.asyncResult(String(id)).get({ timeout: 20 })
    const result = await it.api.request(`/api/task/result/${id}`)
    expect(await result.json()).toEqual({
      'task-id': id,
      state: 'SUCCESS',
      result: { day: '2026-01-01', monitors: 0 },
    })
  })

  test.each([
    ['/api/monitors', { name: 'x', url: 'ftp://example.com' }, 400, 'is not the URL of a page'],
    ['/api/monitors', { name: 'x', url: 'http://example.com', channels: ['sms:1'] }, 400, 'is not a channel'],
    ['/api/monitors/none/check', {}, 400, 'There is no monitor none'],
    [
      '/api/task/async-apply/consultantos.jobs.tasks.check_monitor_task',
      { kwargs: { id: 1 } },
      400,
      'monitor_id',
    ],
    ['/api/task/async-apply/other', {}, 404, 'There is no task other'],
  ])('refuses %s of %j', async (path, body, status, message) => {
    const answer = await post(path, body)
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(message)])
  })
})

test('dead letters are seen, and purged, under the names of the operations guide', async () => {
  await it.app.deadLetters.add({
    task: 'consultantos.jobs.tasks.check_monitor_task',
    queue: 'critical',
    kwargs: { monitor_id: 'x' },
    error: new Error('by hand'),
  })
  const monitor = it.getDlqMonitor()
  expect(await monitor.getAllDeadLetterQueues()).toMatchObject({ 'critical.dead': 1 })
  expect(await monitor.inspectDeadLetterQueue('critical.dead', { limit: 10 })).toMatchObject([
    {
      task_name: 'consultantos.jobs.tasks.check_monitor_task',
      exception: expect.stringContaining('by hand'),
    },
  ])
  expect(await monitor.purgeDeadLetterQueue('critical.dead')).toBe(1)
  expect(await monitor.requeueDeadLetterQueue('critical.dead')).toBe(0)
})
