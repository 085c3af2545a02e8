import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestWorker, until } from 'lovage/testing'
import { openMailbox } from 'lovage-systems-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startLanguageModel } from '../dev/language-model.js'
import { startStripe } from '../dev/stripe-server.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-datacleanup-'))
const KEYS = { OPENAI_API_KEY: 'sk-test', STRIPE_SECRET_KEY: 'sk_test', STRIPE_WEBHOOK_SECRET: 'whsec_test' }

async function start() {
  const [model, stripe, mailbox] = await Promise.all([
    startLanguageModel(KEYS.OPENAI_API_KEY),
    startStripe(KEYS.STRIPE_SECRET_KEY, KEYS.STRIPE_WEBHOOK_SECRET),
    openMailbox(),
  ])
  Object.assign(process.env, KEYS, {
    DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    UPLOAD_DIR: join(folder, 'uploads'),
    OPENAI_BASE_URL: model.url,
    STRIPE_API_URL: stripe.url,
    SMTP_URL: mailbox.url,
  })
  // They read the environment when they are imported.
  const { app } = await import('../app/core/celery_app.js')
  const modules = {
    ...(await import('../app/tasks/ai-tasks.js')),
    ...(await import('../app/tasks/billing-tasks.js')),
    ...(await import('../app/tasks/data-tasks.js')),
    ...(await import('../app/core/data.js')),
    ...(await import('../app/api.js')),
  }
  const worker = await startTestWorker(app, { concurrency: 10 })
  const db = await modules.data()
  for (const id of [1, 2])
    await db.query('INSERT INTO users (id, email, token_sha256) VALUES ($1, $2, $3)', [
      id,
      `${id}@example.com`,
      modules.tokenHash(`token-${id}`),
    ])
  return { ...modules, app, worker, db, model, stripe, mailbox }
}

let system: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  system = await start()
})
afterAll(async () => {
  const { worker, app, db, model, stripe, mailbox } = system
  await worker.stop()
  await app.close()
  await db.close()
  await Promise.all([model.close(), stripe.close(), mailbox.close()])
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  Object.assign(system.model, { busy: 0, broken: 0, pauseMs: 0, requests: 0 })
})

const as = (user: number, more: Record<string, string> = {}) => ({
  authorization: `Bearer token-${user}`,
  ...more,
})
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

describe('a prompt', () => {
  test('is answered, and its state shows the text as it grows', async () => {
    system.model.pauseMs = 100
    const result = await system.processAiRequest.delay({ user_id: 1, prompt: 'one two three four five six' })
    const seen: string[] = []
    for await (const { meta } of result.progress()) seen.push(String((meta as { text?: string }).text))
    expect(await result.get({ timeout: 20 })).toMatchObject({
      text: 'six five four three two one',
      tokens: 12,
    })
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.every((text) => 'six five four three two one'.startsWith(text))).toBe(true)
  })

  test('is tried again when the provider is busy, and when it breaks off', async () => {
    Object.assign(system.model, { busy: 1, broken: 1 })
    const result = await system.processAiRequest.delay({ user_id: 1, prompt: 'one two three four' })
    expect(await result.get({ timeout: 25 })).toMatchObject({ text: 'four three two one', retries: 2 })
  })

  test('that the provider refuses fails at once, with one line', async () => {
    process.env.OPENAI_API_KEY = 'sk-wrong'
    const result = await system.processAiRequest.delay({ user_id: 1, prompt: 'hello' })
    const error = await result.get({ timeout: 20 }).catch(messageOf)
    process.env.OPENAI_API_KEY = KEYS.OPENAI_API_KEY
    expect(error).toContain('The provider refuses the request with 401')
    expect(system.model.requests).toBe(0)
  })

  test('for a provider that is not there waits for another try and is not lost', async () => {
    process.env.OPENAI_BASE_URL = 'http://127.0.0.1:9/v1'
    const result = await system.generateEmbeddings.delay({ user_id: 1, texts: ['abc', 'cab', 'xyz'] })
    await until(async () => (await result.state()) === 'RETRY')
    process.env.OPENAI_BASE_URL = system.model.url
    const { vectors } = await result.get({ timeout: 25 })
    expect(vectors[0]).toEqual(vectors[1])
    expect(vectors[0]).not.toEqual(vectors[2])
  })

  test('without a key is one clear error', async () => {
    Reflect.deleteProperty(process.env, 'OPENAI_API_KEY')
    const { completionProvider } = await import('../app/ai/provider.js')
    try {
      expect(completionProvider).toThrow('OPENAI_API_KEY is not set.')
    } finally {
      process.env.OPENAI_API_KEY = KEYS.OPENAI_API_KEY
    }
  })
})

describe('an upload', () => {
  const upload = async (user: number, body: string) => {
    const response = await system.api.request('/files?name=a.csv', {
      method: 'POST',
      body,
      headers: as(user),
    })
    return (await response.json()) as { file_id: string; task_id: string; error?: string }
  }

  test('is cleaned and exported, for its user and nobody else', async () => {
    const { file_id, task_id } = await upload(1, 'a,b\n1,2\n1,2\n')
    expect(await system.app.asyncResult(task_id).get({ timeout: 20 })).toMatchObject({
      rowsOut: 1,
      duplicates: 1,
    })
    const shown = await system.api.request(`/files/${file_id}`, { headers: as(1) })
    expect(await shown.json()).toMatchObject({ state: 'cleaned', rows_out: 1 })

    const others = await system.api.request(`/files/${file_id}`, { headers: as(2) })
    expect(others.status).toBe(400)
    const stolen = await system.exportData.delay({ user_id: 2, file_id, format: 'json' })
    expect(await stolen.get({ timeout: 20 }).catch(messageOf)).toContain(
      `There is no file ${file_id} of user 2.`,
    )
    const stranger = await system.api.request(`/files/${file_id}`, { headers: as(3) })
    expect(stranger.status).toBe(401)
  })

  test('that is wrong is refused, says why, and is kept as it came', async () => {
    const { file_id, task_id } = await upload(1, 'a,b\n1,2,3\n')
    expect(await system.app.asyncResult(task_id).get({ timeout: 20 }).catch(messageOf)).toContain(
      'Row 2 has 3 cells',
    )
    const shown = await system.api.request(`/files/${file_id}`, { headers: as(1) })
    expect(await shown.json()).toMatchObject({
      state: 'refused',
      problem: 'Row 2 has 3 cells; the header names 2 columns.',
    })
    const { readFileSync } = await import('node:fs')
    expect(readFileSync(join(folder, 'uploads', '1', `${file_id}.upload`), 'utf8')).toBe('a,b\n1,2,3\n')
  })

  test('that is too large is refused and leaves nothing behind', async () => {
    process.env.MAX_UPLOAD_BYTES = '10'
    const { error } = await upload(2, 'a,b\n1,2\n1,2\n')
    Reflect.deleteProperty(process.env, 'MAX_UPLOAD_BYTES')
    expect(error).toBe('The file is larger than 10 bytes.')
    const { readdirSync } = await import('node:fs')
    expect(readdirSync(join(folder, 'uploads', '2'))).toEqual([])
  })

  test('that a killed run left half-written is removed when it is a day old', async () => {
    const { utimesSync, writeFileSync, existsSync } = await import('node:fs')
    const [old, young] = ['old.1.2.part', 'young.1.2.part'].map((name) => join(folder, 'uploads', '1', name))
    for (const path of [old, young]) writeFileSync(String(path), 'half')
    utimesSync(String(old), new Date(0), new Date(0))
    expect(await (await system.cleanupTempFiles.delay()).get({ timeout: 20 })).toEqual({ removed: 1 })
    expect([existsSync(String(old)), existsSync(String(young))]).toEqual([false, true])
  })

  test('asked for with wrong arguments fails without a try', async () => {
    const wrong = system.app.sendTask('app.tasks.data_tasks.export_data', {
      kwargs: { user_id: 1, file_id: 'x', format: 'doc' },
    })
    const result = await wrong
    const states: string[] = []
    system.app.signals.on('taskRetry', ({ context }) => void states.push(context.id))
    expect(await result.get({ timeout: 20 }).catch(messageOf)).toMatch(/format: /)
    expect(states).not.toContain(result.id)
  })
})

describe('Stripe', () => {
  const post = (body: string, signature = '') =>
    system.api.request('/webhooks/stripe', {
      method: 'POST',
      body,
      headers: { 'stripe-signature': signature },
    })

  test('is believed only with its signature', async () => {
    const forged = await post('{"id":"evt_1"}', 't=1,v1=00')
    expect([forged.status, await forged.json()]).toEqual([
      400,
      { error: 'The request has no valid signature of Stripe.' },
    ])
  })

  test('sends an event twice, and it is dealt with once', async () => {
    const { default: Stripe } = await import('stripe')
    const payload = JSON.stringify({
      id: 'evt_a',
      object: 'event',
      type: 'invoice.finalized',
      data: { object: { id: 'in_a', object: 'invoice' } },
    })
    const signature = Stripe.webhooks.generateTestHeaderString({
      payload,
      secret: KEYS.STRIPE_WEBHOOK_SECRET,
    })
    const answers = [await post(payload, signature), await post(payload, signature)]
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
      { received: true, new: true },
      { received: true, new: false },
    ])
    expect(await (await system.processPendingWebhooks.delay()).get({ timeout: 20 })).toEqual({ processed: 1 })
    expect(await (await system.processPendingWebhooks.delay()).get({ timeout: 20 })).toEqual({ processed: 0 })
    await until(() => system.mailbox.mails.length === 1)
    expect(system.mailbox.mails[0]).toMatchObject({
      to: ['ada@example.com'],
      subject: 'Invoice INV-a: 49.00 EUR',
    })
    const again = await (await system.sendInvoice.delay({ invoice_id: 'in_a' })).get({ timeout: 20 })
    expect(again).toEqual({ status: 'already_sent', invoice_id: 'in_a' })
    expect(system.mailbox.mails).toHaveLength(1)
  })

  test('pays a refund once, also when it obeyed and then failed', async () => {
    system.stripe.failing = 1
    const before = system.stripe.refunds.size
    const ask = () =>
      system.api.request('/refunds', {
        method: 'POST',
        body: JSON.stringify({ charge: 'ch_9', cents: 100 }),
        headers: as(1, { 'idempotency-key': 'refund-of-order-9' }),
      })
    const first = (await (await ask()).json()) as { task_id: string }
    expect(await system.app.asyncResult(first.task_id).get({ timeout: 25 })).toMatchObject({
      status: 'processed',
    })
    const second = (await (await ask()).json()) as { task_id: string }
    expect(await system.app.asyncResult(second.task_id).get({ timeout: 20 })).toMatchObject({
      status: 'already_processed',
    })
    expect(system.stripe.refunds.size - before).toBe(1)
    const others = await system.processRefund.delay({ user_id: 2, refund_id: '1:refund-of-order-9' })
    expect(await others.get({ timeout: 20 }).catch(messageOf)).toContain(
      'There is no refund 1:refund-of-order-9 of user 2.',
    )
    // The same word of another user is another refund; with other words it is a mistake.
    const asked = async (user: number, charge: string) => {
      const response = await system.api.request('/refunds', {
        method: 'POST',
        body: JSON.stringify({ charge, cents: 100 }),
        headers: as(user, { 'idempotency-key': 'refund-of-order-9' }),
      })
      return { status: response.status, body: (await response.json()) as Record<string, string> }
    }
    const own = await asked(2, 'ch_10')
    expect(await system.app.asyncResult(String(own.body.task_id)).get({ timeout: 20 })).toMatchObject({
      status: 'processed',
    })
    expect(await asked(1, 'ch_11')).toEqual({
      status: 400,
      body: { error: expect.stringContaining('was used for a refund of 100 cents of ch_9') },
    })
    expect(system.stripe.refunds.size - before).toBe(2)
  })

  test('that knows no such subscription is not asked again', async () => {
    const result = await system.syncSubscriptionStatus.delay({ subscription_id: 'sub_missing' })
    expect(await result.get({ timeout: 20 }).catch(messageOf)).toContain(
      "Stripe refused the request: No such subscriptions: 'sub_missing'",
    )
  })
})

test('doctor looks at the database, the provider, Stripe and the mail server', async () => {
  const found = await Promise.all(system.app.deployChecks.map(async ({ name, run }) => [name, await run()]))
  expect(Object.fromEntries(found)).toMatchObject({
    database: 'sqlite answers',
    'language model': '1 models',
    mail: true,
  })
})
