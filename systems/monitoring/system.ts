import { randomBytes } from 'node:crypto'
import {
  type Done,
  leftOver,
  openMailbox,
  type Stage,
  type System,
  serveApp,
  untilCount,
} from 'lovage-systems-kit'
import { startWebSite } from './dev/web-site.js'

const PAGES = 30
const HISTORY = 200
const HOUR_MS = 3_600_000

const system: System = {
  name: 'monitoring',
  summary:
    'pages watched for changes and oddities; alerts by mail, Slack and webhook; four priorities, daily and weekly work',
  run,
}
export default system

async function run(stage: Stage): Promise<readonly Done[]> {
  const [site, mailbox] = await Promise.all([startWebSite(), openMailbox()])
  for (const each of [site, mailbox]) stage.after(() => each.close())
  stage.set({
    SMTP_URL: mailbox.url,
    ALERT_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
    LOVAGE_WEBHOOKS_KEYS: `development:${randomBytes(32).toString('base64')}`,
    ALLOW_PRIVATE_ADDRESSES: '1',
    // Nobody wants to wait for the rates of production here.
    CHECK_RATE: '6000/m',
    ALERT_RATE: '6000/m',
    ANALYSIS_RATE: '6000/m',
    SCHEDULE_SECONDS: '1',
  })
  const { app } = await import('./consultantos/jobs/celery_app.js')
  const { data } = await import('./consultantos/data.js')
  const tasks = await import('./consultantos/jobs/tasks.js')
  const { getDlqMonitor } = await import('./consultantos/jobs/task_monitor.js')
  const { hooks } = await import('./consultantos/alerts/hooks.js')
  const { api } = await import('./api.js')
  const db = await data()
  stage.after(() => db.close())
  stage.after(() => app.close())
  stage.after(() => hooks.close())
  const server = await serveApp(api)
  stage.after(() => server.close())
  stage.show('web application', server.url)
  stage.show('health', `${server.url}/health`)

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(server.url + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  const count = async (sql: string) => Number((await db.query(`SELECT count(*) AS n FROM ${sql}`))[0]?.n)

  const ids: string[] = []
  for (let index = 0; index < PAGES; index++) {
    const channels = ['mail:ops@example.com', `slack:${site.url}/slack`, `webhook:${site.url}/webhook`]
    const { body } = await call('POST', '/api/monitors', {
      name: `page ${index}`,
      url: `${site.url}/page-${index}`,
      every_s: 3600,
      channels,
    })
    ids.push(String(body.id))
  }
  const wrong = await call('POST', '/api/monitors', { name: 'inside', url: 'file:///etc/passwd' })
  stage.say(`${PAGES} monitors added; one of a file was answered ${wrong.status}`)

  const celery = 'celery -A consultantos.jobs.celery_app'
  const [first, beat] = await Promise.all([
    stage.start(`${celery} worker --loglevel=info --concurrency=2 -n first@%h`),
    stage.start(`${celery} beat --loglevel=info`),
  ])
  await untilCount(() => count('snapshots'), PAGES / 3)
  first.kill('SIGKILL')
  await first.exited
  stage.say(`the worker is killed with SIGKILL after ${await count('snapshots')} checks`)
  await stage.start(`${celery} worker --loglevel=info --concurrency=2 -n second@%h`)
  const seen = await untilCount(() => count('snapshots'), PAGES)
  stage.say(`each page was looked at: ${seen} snapshots`)

  // One page changes, one goes down; a user asks for a check of each.
  site.versions.set('/page-1', 2)
  site.down.add('/page-2')
  for (const id of ids.slice(1, 3)) await call('POST', `/api/monitors/${id}/check`)
  const told = await untilCount(() => count('alerts WHERE sent_ms IS NOT NULL'), 2)
  await untilCount(() => Math.min(mailbox.mails.length, site.slack.length, site.webhooks.length), 2)
  const [change] = await db.query(`SELECT message FROM alerts WHERE kind = 'changed'`)
  stage.say(
    `told: ${mailbox.mails.map(({ subject }) => subject).join(', ')}; the change: ${String(change?.message).replaceAll('\n', ', ')}`,
  )

  // A week of checks from which the model learns what is usual, and a check that is not.
  const now = Date.now()
  await db.transaction(async (sql) => {
    for (let index = 0; index < HISTORY; index++)
      await sql.query(
        `INSERT INTO snapshots (id, monitor_id, taken_ms, status, duration_ms, bytes, hash, text, changed) VALUES ($1, $2, $3, 200, $4, 120, '', '', 0)`,
        [`history-${index}`, String(ids[3]), now - index * HOUR_MS, 20 + (index % 7)],
      )
  })
  const { trained } = await (await tasks.trainAnomalyModelTask.delay()).get({ timeout: 60 })
  site.slowMs.set('/page-3', 1500)
  const odd = await call('POST', `/api/monitors/${ids[3]}/check`)
  const oddity = await app.asyncResult<{ alerts: string[] }>(String(odd.body.task_id)).get({ timeout: 60 })
  const day = await (
    await tasks.aggregateSnapshotsTask.delay({ day: new Date(now).toISOString().slice(0, 10) })
  ).get({ timeout: 60 })
  const analysis = await (await tasks.runAnalysisTask.delay({ monitor_ids: ids.slice(0, 3) })).get({
    timeout: 60,
  })
  stage.say(
    `compared: ${analysis.monitors.map(({ availability }) => `${Math.round(availability * 100)} %`).join(', ')} of their time up`,
  )

  // What cannot be done is kept, and looked at.
  const letter = await tasks.checkMonitorTask.applyAsync({ monitor_id: 'none' }, { queue: 'critical' })
  const failure = await letter.get({ timeout: 60 }).then(
    () => 'none',
    (error: unknown) => String(error),
  )
  stage.say(`a check of no monitor: ${failure}`)
  // Where messages and results lie apart, the letter may be kept a moment after the result.
  const letters = () => getDlqMonitor().getAllDeadLetterQueues()
  await untilCount(async () => Object.keys(await letters()).length, 1)
  stage.say(`dead letters: ${JSON.stringify(await letters())}`)

  const all = Math.min(mailbox.mails.length, site.slack.length, site.webhooks.length)
  // It sends a look at what is due each second.
  beat.kill('SIGTERM')
  await beat.exited
  const left = await leftOver(app, 1)
  const posted = (await hooks.deliveries.list()).items
  return [
    { what: 'pages looked at', count: seen, ok: seen === PAGES },
    { what: 'looked at twice, though a worker was killed', count: seen - PAGES, ok: seen === PAGES },
    { what: 'alerts told by mail, Slack and webhook', count: told, ok: told === 2 && all >= 2 },
    {
      what: 'posts to Slack and webhooks, signed and recorded',
      count: posted.length,
      ok: posted.length >= 4 && posted.every(({ state }) => state === 'success'),
    },
    { what: 'models trained', count: trained, ok: trained === 2 },
    {
      what: 'oddities found by them',
      count: oddity.alerts.filter((kind) => kind === 'anomaly').length,
      ok: oddity.alerts.includes('anomaly'),
    },
    { what: 'days summed up', count: day.monitors, ok: day.monitors === PAGES },
    { what: 'wrong monitors refused', count: 1, ok: wrong.status === 400 },
    ...left,
  ]
}
