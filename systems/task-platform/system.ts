import { join } from 'node:path'
import {
  type Done,
  leftOver,
  openMailbox,
  type Stage,
  type System,
  serveApp,
  untilCount,
} from 'lovage-systems-kit'
import { startRegister } from './dev/register.js'

const SUBSCRIPTIONS = 40
const COMPANIES = 12
const MAILS = 10
const SECONDS = 90
/** One subscription has a plan that nobody knows, and one company is in no register. */
const UNFIT = 2
const TOKEN = 'token-of-an-administrator'

const system: System = {
  name: 'task-platform',
  summary:
    'billing, counterparties and notifications: transactions around runs, dead letters, health, a circuit breaker',
  run,
}
export default system

async function run(stage: Stage): Promise<readonly Done[]> {
  const [register, mailbox] = await Promise.all([startRegister(), openMailbox()])
  for (const each of [register, mailbox]) stage.after(() => each.close())
  stage.set({
    REGISTER_URL: register.url,
    SMTP_URL: mailbox.url,
    OPERATORS_MAIL: 'operators@example.com',
    ADMIN_TOKEN: TOKEN,
    DASHBOARD_DB: join(stage.folder, 'dashboard'),
  })
  const { app } = await import('./celery_app.js')
  const { database } = await import('./app/application.js')
  const { web } = await import('./web.js')
  const { ADMINISTRATION, closeAdministration } = await import('./app/administration.js')
  const db = await database()
  stage.after(() => db.close())
  stage.after(() => app.close())
  const server = await serveApp(web)
  stage.after(() => server.close())
  stage.after(() => closeAdministration())
  stage.show('web application', server.url)
  stage.show('health', `${server.url}/health`)
  stage.show('administration', `${server.url}${ADMINISTRATION}/ (any name, password ${TOKEN})`)

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const send = (name: string, kwargs: object) => call('POST', `/tasks/app.workers.${name}`, kwargs)
  const health = async () => {
    const { status, body } = await call('GET', '/health')
    stage.say(`GET /health: ${status} ${body.status}`)
    return body.status
  }

  for (let index = 1; index <= SUBSCRIPTIONS; index++)
    await db.query(
      'INSERT INTO subscriptions (id, plan, periods) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING',
      [`sub_${index}`, index === SUBSCRIPTIONS ? 'unheard-of' : index % 2 ? 'basic' : 'team'],
    )
  const sent = []
  for (let index = 1; index <= SUBSCRIPTIONS; index++)
    sent.push(await send('billing.process_subscription', { subscription_id: `sub_${index}` }))
  for (let index = 1; index <= COMPANIES; index++)
    sent.push(await send('kyb.check_counterparty', { company_id: index === COMPANIES ? 'X1' : `DE${index}` }))
  for (let index = 1; index <= MAILS; index++)
    sent.push(
      await send('notifications.send_notification', {
        to: `user${index}@example.com`,
        subject: 'Hello',
        text: 'You are welcome.',
      }),
    )
  const wrong = await send('billing.process_subscription', { subscription: 1 })
  stage.say(`${sent.length} tasks sent over HTTP; one with wrong arguments was answered ${wrong.status}`)
  const withoutWorkers = await health()

  register.isDown = true
  stage.say('the register of companies is down')
  const celery = 'celery -A celery_app'
  const worker = await stage.start(`${celery} worker --loglevel=info --concurrency=2 -n first@%h`)
  const charges = async () => Number((await db.query('SELECT count(*) AS n FROM charges'))[0]?.n)
  await untilCount(charges, SUBSCRIPTIONS / 4)
  worker.kill('SIGKILL')
  await worker.exited
  stage.say(`the worker is killed with SIGKILL after ${await charges()} charges`)
  await Promise.all([
    stage.start(`${celery} worker -Q billing,dead_letter --loglevel=info --concurrency=1 -n billing@%h`),
    stage.start(
      `${celery} worker -Q kyb,notifications,default --loglevel=info --concurrency=1 --beat -n rest@%h`,
    ),
  ])
  const charged = await untilCount(charges, SUBSCRIPTIONS - 1, SECONDS * 1000)
  const opened = await untilCount(
    async () => ((await call('GET', '/health')).body.breakers as unknown[]).length,
    1,
    SECONDS * 1000,
  )
  stage.say(
    `all are charged; ${register.requests} requests have met the register, then the circuit breaker opened`,
  )
  register.isDown = false
  stage.say('the register is back')
  const checked = await untilCount(
    async () => Number((await db.query('SELECT count(*) AS n FROM counterparties'))[0]?.n),
    COMPANIES - 1,
    SECONDS * 1000,
  )
  const mailed = await untilCount(
    () => mailbox.mails.filter(({ subject }) => subject === 'Hello').length,
    MAILS,
  )
  const letters = await untilCount(
    async () => ((await call('GET', '/admin/dead-letters')).body.tasks as unknown[]).length,
    UNFIT,
  )

  // The plan is made known, and the failed charge sent again.
  await db.query(`UPDATE subscriptions SET plan = 'basic' WHERE plan = 'unheard-of'`)
  const { tasks } = (await call('GET', '/admin/dead-letters')).body as {
    tasks: { id: string; task_name: string }[]
  }
  const mended = tasks.filter(({ task_name }) => task_name.includes('billing')).map(({ id }) => id)
  await call('POST', '/admin/dead-letters/retry', { ids: mended })
  stage.say('the plan is made known, and the failed charge sent again')
  const chargedAfter = await untilCount(charges, SUBSCRIPTIONS, SECONDS * 1000)
  const [twice] = await db.query('SELECT count(*) AS n FROM subscriptions WHERE periods <> 1')
  await untilCount(async () => ((await health()) === 'healthy' ? 1 : 0), 1, 20_000)
  const status = await health()

  return [
    { what: 'subscriptions charged', count: charged, ok: charged === SUBSCRIPTIONS - 1 },
    { what: 'charged after a redrive', count: chargedAfter, ok: chargedAfter === SUBSCRIPTIONS },
    {
      what: 'charged twice, though a worker was killed',
      count: Number(twice?.n),
      ok: Number(twice?.n) === 0,
    },
    { what: 'counterparties checked', count: checked, ok: checked === COMPANIES - 1 },
    { what: 'circuit breakers opened meanwhile', count: opened, ok: opened === 1 },
    { what: 'mails sent', count: mailed, ok: mailed === MAILS },
    { what: 'failed for good, kept', count: letters, ok: letters === UNFIT },
    { what: 'wrong arguments refused', count: 1, ok: wrong.status === 400 },
    {
      what: 'health without workers, and at the end',
      count: `${withoutWorkers}, ${status}`,
      ok: withoutWorkers === 'critical' && status === 'healthy',
    },
    ...(await leftOver(app, UNFIT - 1)),
  ]
}
