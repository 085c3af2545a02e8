import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTestWorker, until } from 'lovage/testing'
import { databaseOf, startReceiver } from 'lovage-systems-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { lovage } from '../../test/cli/command.js'
import { startSnowflake } from '../learning-time/dev/snowflake-server.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lovage-bad-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['learning-time', 'lms.celery', ['No store of webhooks is configured']],
  ['webhook-delivery', 'celery_app', ['No store of webhooks is configured']],
  [
    'datacleanup',
    'app.core.celery_app',
    [
      'DATABASE_URL is not set',
      'OPENAI_API_KEY is not set',
      'STRIPE_WEBHOOK_SECRET is not set',
      'SMTP_URL is not set',
    ],
  ],
  ['task-platform', 'celery_app', ['DATABASE_URL is not set', 'SMTP_URL is not set']],
  ['monitoring', 'consultantos.jobs.celery_app', ['No store of webhooks is configured']],
] as const)('%s says what is not set, a line each', { timeout: 60_000 }, async (system, app, missing) => {
  const env = { NODE_ENV: 'production', CELERY_BROKER_URL: 'redis://:secret@127.0.0.1:9/0' }
  const { code, stdout, stderr } = await lovage(['-A', app, 'doctor'], { cwd: `${SYSTEMS}${system}`, env })
  const said = `${stdout}\n${stderr}`
  expect(code).toBe(1)
  for (const what of missing) expect(said.split('\n').filter((line) => line.includes(what))).toHaveLength(1)
  // Each with what to do about it, and nothing of our insides or of a password.
  expect(said).toMatch(/\n {2,}(Check|Give|Set) /)
  expect(said).not.toMatch(/\n\s+at |secret/)
})

describe('learning-time', () => {
  const ENTERPRISE = '12345678-1234-4234-8234-123456789abc'
  const COURSE = 'course-v1:edX+DemoX+Demo'

  async function start() {
    const [warehouse, receiver] = await Promise.all([startSnowflake('xy12345', 'service'), startReceiver()])
    Reflect.deleteProperty(process.env, 'ENABLE_WEBHOOK_LEARNING_TIME_ENRICHMENT')
    Object.assign(process.env, {
      DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
      SNOWFLAKE_ACCOUNT: 'xy12345',
      SNOWFLAKE_WAREHOUSE: 'W',
      SNOWFLAKE_DATABASE: 'PROD',
      SNOWFLAKE_SCHEMA: 'BUSINESS_INTELLIGENCE',
      SNOWFLAKE_SERVICE_USER: 'service',
      SNOWFLAKE_PRIVATE_KEY: warehouse.privateKey,
      SNOWFLAKE_URL: warehouse.url,
      ALLOW_HTTP: '1',
      ALLOWED_CIDRS: '127.0.0.0/8',
      LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
    })
    // They read the environment when they are imported.
    const { app } = await import('../learning-time/lms/celery.js')
    const parts = {
      ...(await import('../learning-time/channel_integrations/integrated_channel/tasks.js')),
      ...(await import('../learning-time/enrichment/hooks.js')),
      ...(await import('../learning-time/enrichment/flags.js')),
      ...(await import('../learning-time/enrichment/passed-grade.js')),
      ...(await import('../learning-time/enrichment/learning-time.js')),
      ...(await import('../learning-time/enrichment/data.js')),
    }
    const worker = await startTestWorker(app, { concurrency: 4 })
    const { secrets } = await parts.hooks.endpoints.create({ url: receiver.url, tenant: ENTERPRISE })
    receiver.secret = secrets[0]?.secret ?? ''
    return { ...parts, app, worker, warehouse, receiver }
  }

  let it: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    it = await start()
  })
  afterAll(async () => {
    await it.worker.stop()
    await it.hooks.close()
    await it.app.close()
    await (await it.data()).close()
    await Promise.all([it.warehouse.close(), it.receiver.close()])
  })
  beforeEach(() => it.receiver.received.clear())

  const known = (user: number, seconds: string) =>
    it.warehouse.times.set(`${user}|${COURSE}|${ENTERPRISE}`, seconds)
  const grade = (user_id: number, more = {}) => ({
    user_id,
    course_id: COURSE,
    enterprise_customer_uuid: ENTERPRISE,
    percent_grade: 0.85,
    more,
  })
  const received = async () => until(() => [...it.receiver.received.values()][0])

  test('learning-time: the flag is off by default, and a completion goes out as it is', async () => {
    known(1, '60')
    expect(await it.isEnrichmentOn()).toBe(false)
    expect(await it.onPassedGrade(grade(1, { orgid: 'edX' }))).toBe('sent')
    expect(await received()).toBe('{"orgid":"edX","completion":{"percent_grade":0.85}}')
    expect(it.warehouse.statements).toBe(0)
  })

  test('learning-time: a flat payload is kept, and gets a completion', async () => {
    await it.setEnrichment(true)
    known(2, '120')
    const flat = {
      ...{ content_id: COURSE, user: 'ada', status: 'completed', event_date: '2026-11-30T12:00:00Z' },
      ...{ completion_percentage: 100, duration_spent: null, orgid: 'edX' },
    }
    await it.enrichAndSendCompletionWebhook.delay({
      user_id: 2,
      course_id: COURSE,
      enterprise_customer_uuid: ENTERPRISE,
      payload_dict: flat,
    })
    expect(JSON.parse(await received())).toEqual({ ...flat, completion: { learning_time: 120 } })
  })

  test('learning-time: what was found is kept for an hour, that nothing was found, too, a failure for a minute', async () => {
    await it.setEnrichment(true)
    known(3, '60')
    const ask = (user_id: number) =>
      it.learningTime.apply({
        completion: { user_id, course_id: COURSE, enterprise_customer_uuid: ENTERPRISE },
        payload: {},
      })
    const beganMs = Date.now()
    const outcomes = [await ask(3), await ask(4)]
    it.warehouse.isDown = true
    outcomes.push(await ask(5))
    it.warehouse.isDown = false
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['enriched', 'no_data', 'error'])
    const db = await databaseOf([])()
    const kept = await db.query('SELECT key, expires_at FROM lovage_webhook_documents WHERE kind = $1', [
      'enrichment:learning_time',
    ])
    await db.close()
    const seconds = Object.fromEntries(
      kept
        .map(({ key, expires_at }) => [
          String(key).split(':')[1],
          Math.floor((Number(expires_at) - beganMs) / 10_000) * 10,
        ])
        .filter(([user]) => ['3', '4', '5'].includes(String(user))),
    )
    expect(seconds).toEqual({ 3: 3600, 4: 3600, 5: 60 })
  })

  test('learning-time: a warehouse that is away costs no completion, and a wrong call is told at once', async () => {
    await it.setEnrichment(true)
    const retried: string[] = []
    it.app.signals.on('taskRetry', ({ context }) => void retried.push(context.id))
    it.warehouse.isDown = true
    expect(await it.onPassedGrade(grade(6))).toBe('enriching')
    expect(await received()).toBe('{"completion":{"percent_grade":0.85}}')
    it.warehouse.isDown = false
    const wrong = await it.app.sendTask(
      'channel_integrations.integrated_channel.tasks.enrich_and_send_completion_webhook',
      { kwargs: { user_id: 'ada', course_id: COURSE, enterprise_customer_uuid: 'x', payload_dict: {} } },
    )
    const error = await wrong.get({ timeout: 20 }).catch(String)
    expect(error).toMatch(/user_id: |enterprise_customer_uuid: /)
    expect(retried).toEqual([])
  })
})
