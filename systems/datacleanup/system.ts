import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Done,
  leftOver,
  openMailbox,
  type Running,
  type Stage,
  type System,
  serveApp,
  untilCount,
} from 'lovage-systems-kit'
import { startLanguageModel } from './dev/language-model.js'
import { writeUntidyFile } from './dev/orders-file.js'
import { startStripe } from './dev/stripe-server.js'

const KEYS = {
  OPENAI_API_KEY: 'sk-development',
  STRIPE_SECRET_KEY: 'sk_test_development',
  STRIPE_WEBHOOK_SECRET: 'whsec_development',
}
const ADA = { id: 1, email: 'ada@example.com', token: 'token-of-ada' }
const ROWS = 60_000
const PROMPTS = 6
const WEBHOOKS = 6
const SECONDS = 60

const system: System = {
  name: 'datacleanup',
  summary:
    'uploads cleaned and exported, prompts answered, Stripe obeyed; four queues, results in the database',
  run,
}
export default system

async function run(stage: Stage): Promise<readonly Done[]> {
  const model = await startLanguageModel(KEYS.OPENAI_API_KEY)
  const stripe = await startStripe(KEYS.STRIPE_SECRET_KEY, KEYS.STRIPE_WEBHOOK_SECRET)
  const mailbox = await openMailbox()
  for (const each of [model, stripe, mailbox]) stage.after(() => each.close())
  stage.set({
    ...KEYS,
    OPENAI_BASE_URL: model.url,
    OPENAI_MODEL: 'backwards',
    STRIPE_API_URL: stripe.url,
    SMTP_URL: mailbox.url,
    UPLOAD_DIR: join(stage.folder, 'uploads'),
  })

  const { app } = await import('./app/core/celery_app.js')
  const { data } = await import('./app/core/data.js')
  const { api, tokenHash } = await import('./app/api.js')
  const { processPendingWebhooks } = await import('./app/tasks/billing-tasks.js')
  const db = await data()
  stage.after(() => db.close())
  stage.after(() => app.close())
  await db.query(
    'INSERT INTO users (id, email, token_sha256) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING',
    [ADA.id, ADA.email, tokenHash(ADA.token)],
  )
  const server = await serveApp(api)
  stage.after(() => server.close())
  stage.show('web application', server.url)
  stage.show('a token', `Authorization: Bearer ${ADA.token}`)

  // The production layout of the document.
  const celery = 'celery -A app.core.celery_app'
  const [dataWorker] = await Promise.all([
    stage.start(`${celery} worker -Q default,data -c 1 -l info -n data@%h`),
    stage.start(`${celery} worker -Q ai -c 1 -l info -n ai@%h`),
    stage.start(`${celery} worker -Q billing -c 1 -l info -n billing@%h`),
    stage.start(`${celery} beat -l info`),
  ])

  const call = async (
    method: string,
    path: string,
    body?: string | Blob,
    more: Record<string, string> = {},
  ) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADA.token}`, ...more },
      ...(body ? { body } : {}),
    })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  const ended = (id: string | undefined) =>
    app.asyncResult<Record<string, unknown>>(String(id)).get({ timeout: SECONDS })

  // Prompts, one of which finds the provider busy and one of which is broken off.
  model.busy = 1
  model.broken = 1
  const prompts = await Promise.all(
    Array.from({ length: PROMPTS }, (_, index) =>
      call('POST', '/prompts', JSON.stringify({ prompt: `${index} is the number of this prompt` })),
    ),
  )
  stage.say(
    `${PROMPTS} prompts sent; the provider answers one with 429 and breaks off in the middle of another`,
  )

  // An upload; the worker that cleans it is killed in the middle.
  const path = join(stage.folder, 'orders.csv')
  await writeUntidyFile(path, ROWS)
  const { size } = await stat(path)
  const upload = await call('POST', '/files?name=orders.csv', await openAsBlob(path))
  stage.say(`orders.csv uploaded: ${ROWS} rows, ${(size / 1e6).toFixed(1)} MB`)
  await killWhileItRuns(stage, dataWorker, String(upload.body.task_id), app)
  await stage.start(`${celery} worker -Q default,data -c 1 -l info -n data2@%h`)

  // Stripe's webhooks: each comes twice, one is forged.
  for (let index = 1; index <= WEBHOOKS; index++) {
    const object =
      index % 2 ? { id: `in_${index}`, object: 'invoice' } : { id: `sub_${index}`, object: 'subscription' }
    const type = index % 2 ? 'invoice.finalized' : 'customer.subscription.updated'
    for (let times = 0; times < 2; times++)
      await stripe.post(`${server.url}/webhooks/stripe`, type, object, `evt_${index}`)
  }
  const forged = await call('POST', '/webhooks/stripe', '{"id":"evt_forged"}', {
    'stripe-signature': 't=1,v1=00',
  })
  stage.say(
    `${WEBHOOKS} webhooks of Stripe's came twice each; a forged one was answered ${forged.status}: ${forged.body.error}`,
  )
  const webhooks = await (await processPendingWebhooks.delay()).get({ timeout: SECONDS })

  // A refund that is asked for twice, of a Stripe that obeys and then fails.
  stripe.failing = 1
  const refund = JSON.stringify({ charge: 'ch_1', cents: 4900 })
  const refunds = [
    await call('POST', '/refunds', refund, { 'idempotency-key': 'order-1' }),
    await call('POST', '/refunds', refund, { 'idempotency-key': 'order-1' }),
  ]

  const answers = await Promise.all(prompts.map(({ body }) => ended(body.task_id)))
  stage.say(`the provider said: ${answers[0]?.text}`)
  const cleaned = await ended(upload.body.task_id)
  stage.say(
    `orders.csv is clean: ${cleaned.rowsOut} rows, ${cleaned.duplicates} duplicates and ${cleaned.cellsMended} cells mended`,
  )
  const exported = []
  for (const format of ['csv', 'json', 'xlsx']) {
    const { body } = await call('POST', `/files/${upload.body.file_id}/exports/${format}`)
    exported.push(await ended(body.task_id))
  }
  for (const { body } of refunds) await ended(body.task_id)
  await untilCount(() => mailbox.mails.length, WEBHOOKS / 2)
  const subscriptions = await untilCount(
    async () => Number((await db.query('SELECT count(*) AS n FROM subscriptions'))[0]?.n),
    WEBHOOKS / 2,
  )

  const duplicates = ROWS / 10
  return [
    {
      what: 'prompts answered',
      count: answers.length,
      ok: answers.every(({ text }) => String(text).startsWith('prompt this of')),
    },
    { what: 'rows cleaned', count: String(cleaned.rowsOut), ok: cleaned.rowsOut === ROWS - duplicates },
    {
      what: 'exports written (csv, json, xlsx)',
      count: exported.length,
      ok: exported.every(({ rows }) => rows === ROWS - duplicates),
    },
    { what: 'webhooks dealt with', count: webhooks.processed, ok: webhooks.processed === WEBHOOKS },
    { what: 'subscriptions synchronised', count: subscriptions, ok: subscriptions === WEBHOOKS / 2 },
    { what: 'invoices mailed', count: mailbox.mails.length, ok: mailbox.mails.length === WEBHOOKS / 2 },
    { what: 'refunds paid, asked for twice', count: stripe.refunds.size, ok: stripe.refunds.size === 1 },
    { what: 'forged webhooks refused', count: 1, ok: forged.status === 400 },
    ...(await leftOver(app)),
  ]
}

async function killWhileItRuns(
  stage: Stage,
  worker: Running,
  taskId: string,
  app: { asyncResult(id: string): { state(): Promise<string> } },
): Promise<void> {
  await untilCount(async () => ((await app.asyncResult(taskId).state()) === 'PENDING' ? 0 : 1), 1)
  worker.kill('SIGKILL')
  await worker.exited
  stage.say('the worker that cleans it is killed with SIGKILL')
}
