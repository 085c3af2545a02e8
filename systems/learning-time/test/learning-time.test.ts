import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getQueueHealth } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { openDatabase, startCommand, startReceiver } from 'lovage-systems-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { MAIN } from '../../../test/cli/command.js'
import { run } from '../../../test/servers.js'
import { startSnowflake } from '../dev/snowflake-server.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-learning-'))
const HERE = fileURLToPath(new URL('..', import.meta.url))
const ENTERPRISE = '12345678-1234-4234-8234-123456789abc'
const COURSE = 'course-v1:edX+DemoX+Demo'

async function start() {
  const [warehouse, receiver] = await Promise.all([startSnowflake('xy12345', 'service'), startReceiver()])
  const env = {
    DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    SNOWFLAKE_ACCOUNT: 'xy12345.eu-central-1',
    SNOWFLAKE_WAREHOUSE: 'W',
    SNOWFLAKE_DATABASE: 'PROD',
    SNOWFLAKE_SCHEMA: 'BUSINESS_INTELLIGENCE',
    SNOWFLAKE_SERVICE_USER: 'service',
    SNOWFLAKE_PRIVATE_KEY: warehouse.privateKey,
    SNOWFLAKE_URL: warehouse.url,
    ALLOW_HTTP: '1',
    ALLOWED_CIDRS: '127.0.0.0/8',
    LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
  }
  Object.assign(process.env, env)
  const { app } = await import('../lms/celery.js')
  const parts = {
    ...(await import('../lms/app.js')),
    ...(await import('../channel_integrations/integrated_channel/tasks.js')),
    ...(await import('../enrichment/hooks.js')),
    ...(await import('../enrichment/flags.js')),
    ...(await import('../enrichment/passed-grade.js')),
    ...(await import('../enrichment/learning-time.js')),
    ...(await import('../enrichment/payload.js')),
    ...(await import('../enrichment/data.js')),
  }
  const isOnAtFirst = await parts.isEnrichmentOn()
  const worker = await startTestWorker(app, { concurrency: 4, hostname: 'webhook-enrichment@test' })
  const { secrets } = await parts.hooks.endpoints.create({
    url: receiver.url,
    tenant: ENTERPRISE,
    ratePerMinute: null,
    timeoutMs: 5000,
  })
  receiver.secret = secrets[0]?.secret ?? ''
  return { ...parts, app, env, worker, warehouse, receiver, isOnAtFirst }
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
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  await it.setEnrichment(true)
  Object.assign(it.warehouse, { slowMs: 5, isDown: false, statements: 0, cancelled: 0 })
})

const call = (user_id: number | bigint) => ({
  user_id,
  course_id: COURSE,
  enterprise_customer_uuid: ENTERPRISE,
  payload_dict: { content_id: 'x', completion: { percent_grade: 0.85 } },
})
const known = (user: number | bigint, seconds: string) =>
  it.warehouse.times.set(`${user}|${COURSE}|${ENTERPRISE}`, seconds)
/** Sends a completion through the task; gives its outcome and what the receiver got. */
async function complete(user: number | bigint) {
  const result = await (await it.enrichAndSendCompletionWebhook.delay(call(user))).get({ timeout: 20 })
  const body = await until(() => it.receiver.received.get(result.event_id))
  return { ...result, body }
}

test('the task is registered by its full name, goes to its own queue, and takes its arguments in any order', async () => {
  expect(it.app.tasks.has(it.TASK)).toBe(true)
  expect(Reflect.get(it.app.conf.taskRoutes, it.TASK)).toEqual({ queue: it.QUEUE })
  known(1, '60')
  const { payload_dict, ...rest } = call(1)
  const { id } = await it.app.sendTask(it.TASK, { kwargs: { payload_dict, ...rest } })
  expect(await it.app.asyncResult(id).get({ timeout: 20 })).toMatchObject({ outcome: 'enriched' })
})

describe('a passed grade', () => {
  const grade = (user_id: number, orgid: string) => ({
    user_id,
    course_id: COURSE,
    enterprise_customer_uuid: ENTERPRISE,
    percent_grade: 0.85,
    more: { orgid },
  })
  const receivedOf = (orgid: string) =>
    until(() => [...it.receiver.received.values()].find((body) => body.includes(`"orgid":"${orgid}"`)))

  test('goes out as it is while the flag is off, as it is by default', async () => {
    expect(it.isOnAtFirst).toBe(false)
    await it.setEnrichment(false)
    known(31, '60')
    expect(await it.onPassedGrade(grade(31, 'edX'))).toBe('sent')
    expect(await receivedOf('edX')).toBe('{"orgid":"edX","completion":{"percent_grade":0.85}}')
    expect(it.warehouse.statements).toBe(0)
  })

  test('is told although the warehouse is away; a wrong call is refused at once', async () => {
    const retried: string[] = []
    it.app.signals.on('taskRetry', ({ context }) => void retried.push(context.id))
    it.warehouse.isDown = true
    expect(await it.onPassedGrade(grade(32, 'away'))).toBe('enriching')
    expect(await receivedOf('away')).toBe('{"orgid":"away","completion":{"percent_grade":0.85}}')
    const wrong = await it.app.sendTask(it.TASK, { kwargs: { ...call(32), user_id: 'ada' } })
    expect(await wrong.get({ timeout: 20 }).catch(String)).toContain('user_id: ')
    expect(retried).toEqual([])
  })
})

describe('a completion', () => {
  test('that is flat is kept so, and gets a completion', async () => {
    known(33, '120')
    const flat = {
      ...{ content_id: COURSE, user: 'ada', status: 'completed', event_date: '2026-11-30T12:00:00Z' },
      ...{ completion_percentage: 100, duration_spent: null, orgid: 'edX' },
    }
    const { event_id } = await (
      await it.enrichAndSendCompletionWebhook.delay({ ...call(33), payload_dict: flat })
    ).get({ timeout: 20 })
    const body = await until(() => it.receiver.received.get(event_id))
    expect(JSON.parse(body)).toEqual({ ...flat, completion: { learning_time: 120 } })
  })

  test('what was found for it is kept for an hour, that nothing was, too, a failure for a minute', async () => {
    known(34, '60')
    const beganMs = Date.now()
    const outcomes = [(await complete(34)).outcome, (await complete(35)).outcome]
    it.warehouse.isDown = true
    outcomes.push((await complete(36)).outcome)
    expect(outcomes).toEqual(['enriched', 'no_data', 'error'])
    const db = await openDatabase(it.env.DATABASE_URL)
    const kept = await db.query('SELECT key, expires_at FROM lovage_webhook_documents WHERE kind = $1', [
      'enrichment:learning_time',
    ])
    await db.close()
    const secondsOf = (user: number) => {
      const key = `learning_time:${user}:${COURSE}:${ENTERPRISE}`
      const end = kept.find((row) => row.key === key)?.expires_at
      return Math.floor((Number(end) - beganMs) / 10_000) * 10
    }
    expect([34, 35, 36].map(secondsOf)).toEqual([3600, 3600, 60])
  })

  test('goes out with whole seconds of any size, and else as it came', async () => {
    known(2, '9007199254740993')
    expect((await complete(2)).body).toBe(
      '{"content_id":"x","completion":{"percent_grade":0.85,"learning_time":9007199254740993}}',
    )
    expect(it.receiver.forged).toBe(0)
    // Nor is a learner taken for another.
    known(9007199254740993n, '7')
    expect((await complete(9007199254740993n)).body).toContain('"learning_time":7')
  })

  test('of whom the warehouse knows nothing goes out without; zero is known', async () => {
    known(4, '0')
    expect(await complete(3)).toMatchObject({
      outcome: 'no_data',
      body: expect.not.stringContaining('learning_time'),
    })
    expect(await complete(4)).toMatchObject({
      outcome: 'enriched',
      body: expect.stringContaining('"learning_time":0'),
    })
  })

  test('of a warehouse that stalls goes out without after three seconds, and the statement is cancelled', async () => {
    it.warehouse.slowMs = 60_000
    const beganMs = performance.now()
    expect(await complete(5)).toMatchObject({
      outcome: 'error',
      body: expect.not.stringContaining('learning_time'),
    })
    expect(performance.now() - beganMs).toBeGreaterThan(2900)
    await until(() => it.warehouse.cancelled === 1)
  })

  test('that comes twice on a day is one webhook', async () => {
    known(6, '60')
    const [first, second] = [await complete(6), await complete(6)]
    expect(second).toMatchObject({ event_id: first.event_id, is_duplicate: true })
  })
})

test('whoever asks for the same at the same time asks the warehouse once, and errors are kept for a minute', async () => {
  known(7, '420')
  it.warehouse.slowMs = 200
  const ask = (user: number) => {
    const { payload_dict: payload, ...completion } = call(user)
    return it.learningTime.apply({ completion, payload })
  }
  const found = await Promise.all(Array.from({ length: 20 }, () => ask(7)))
  expect(new Set(found.map(({ data }) => String(it.bodyOf(data.payload))))).toEqual(
    new Set(['{"content_id":"x","completion":{"percent_grade":0.85,"learning_time":420}}']),
  )
  expect(await ask(7)).toMatchObject({ outcome: 'enriched' })
  expect(it.warehouse.statements).toBe(1)
  it.warehouse.isDown = true
  const warn = vi.spyOn(it.app.logger, 'warn')
  for (let times = 0; times < 3; times++) expect(await ask(8)).toMatchObject({ outcome: 'error' })
  expect(warn.mock.calls).toMatchObject([
    [{ err: expect.objectContaining({ message: expect.stringContaining('503') }) }, expect.any(String)],
  ])
  warn.mockRestore()
  it.warehouse.isDown = false
  expect(await ask(8)).toMatchObject({ outcome: 'error', data: { payload: call(8).payload_dict } })
  expect(it.warehouse.statements).toBe(1)
})

test('with the flag off nothing is enriched, neither what is new nor what waits', async () => {
  known(9, '60')
  await it.setEnrichment(false)
  expect(await complete(9)).toMatchObject({
    outcome: 'disabled',
    body: expect.not.stringContaining('learning_time'),
  })
  expect(await it.onPassedGrade({ ...call(10), percent_grade: 0.9 })).toBe('sent')
  await it.setEnrichment(true)
  expect(await it.onPassedGrade({ ...call(11), percent_grade: 0.9 })).toBe('enriching')
  expect(it.warehouse.statements).toBeLessThanOrEqual(1)
})

describe('a warehouse', () => {
  test('in SQL gives the same answers', async () => {
    const { sqlWarehouse } = await import('../warehouse/sql-warehouse.js')
    const url = `sqlite://${join(folder, 'warehouse.db')}`
    const db = await openDatabase(url)
    await db.migrate([
      'CREATE TABLE IF NOT EXISTS LEARNING_TIME (USER_ID BIGINT, COURSERUN_KEY TEXT, ENTERPRISE_CUSTOMER_UUID TEXT, LEARNING_TIME_SECONDS BIGINT)',
    ])
    for (const seconds of [9007199254740000, 993])
      await db.query('INSERT INTO LEARNING_TIME VALUES (9007199254740993, $1, $2, $3)', [
        COURSE,
        ENTERPRISE,
        seconds,
      ])
    await db.close()
    const warehouse = sqlWarehouse(url, 'LEARNING_TIME')
    const never = new AbortController().signal
    expect(
      await warehouse.learningTime(
        { userId: 9007199254740993n, courseId: COURSE, enterpriseUuid: ENTERPRISE },
        never,
      ),
    ).toBe(9007199254740993n)
    expect(
      await warehouse.learningTime(
        { userId: 9007199254740992n, courseId: COURSE, enterpriseUuid: ENTERPRISE },
        never,
      ),
    ).toBeNull()
    await warehouse.close()
    expect(() => sqlWarehouse(url, 'x; DROP TABLE y')).toThrow('is not a valid table name')
  })

  test('lets nobody in without the right key, and says so in one line', async () => {
    const { snowflake } = await import('../warehouse/snowflake.js')
    const { generateKeyPairSync } = await import('node:crypto')
    const privateKey = String(
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    )
    const stranger = snowflake({
      account: 'xy12345',
      warehouse: 'W',
      database: 'D',
      schema: 'S',
      user: 'service',
      privateKey,
      url: it.warehouse.url,
    })
    await expect(stranger.check(AbortSignal.timeout(3000))).rejects.toThrow(
      'Snowflake answered 401: JWT token is invalid.',
    )
  })

  test('that is not configured is one line that names what is missing', async () => {
    const { openWarehouse } = await import('../warehouse/open-warehouse.js')
    expect(() => openWarehouse({ SNOWFLAKE_ACCOUNT: 'x' })).toThrow(
      'No warehouse is configured: SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA, SNOWFLAKE_SERVICE_USER, SNOWFLAKE_PRIVATE_KEY_PATH not set (or WAREHOUSE_URL).',
    )
  })
})

test('doctor and check --deploy look at every item of the checklist', async () => {
  const items = it.app.deployChecks.filter(({ name }) => /^\d /.test(name))
  expect(items.map(({ name }) => name)).toEqual([
    '1 route',
    '2 worker',
    '3 sizing',
    '4 alerts',
    '5 warehouse',
    '6 flag',
    '7 rollback',
    '8 on call',
  ])
  const said = await Promise.all(items.map(async ({ name, run: look }) => [name, await look()]))
  expect(Object.fromEntries(said)).toMatchObject({
    '5 warehouse': 'Snowflake 9.31.0 answers as service',
    '6 flag': expect.stringContaining('is on'),
  })
  it.warehouse.isDown = true
  await expect(items[4]?.run()).rejects.toThrow('503')
})

test('the rollback turns the feature off, empties its queue and no other, and ends its workers', {
  timeout: 120_000,
}, async () => {
  const env = {
    ...it.env,
    CELERY_BROKER_URL: `sqlite://${join(folder, 'queue.db')}`,
    CELERY: `${process.execPath} ${MAIN}`,
    PATH: String(process.env.PATH),
  }
  const celery = (...words: readonly string[]) =>
    run(process.execPath, [MAIN, '-A', 'lms.celery', ...words], { cwd: HERE, env })
  const waiting = async () => JSON.parse((await celery('queues', '--json')).stdout) as unknown
  for (const queue of [it.QUEUE, 'celery'])
    await celery('call', 'webhooks.wake_endpoint', '--args', '["ep_none"]', '--queue', queue)
  const off = await run('sh', [`${HERE}scripts/rollback.sh`, '--purge'], { env })
  expect(off, off.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('is off') })
  expect(JSON.stringify(await waiting())).toMatch(/"celery"[^}]*"ready":1/)
  expect(JSON.stringify(await waiting())).toMatch(/webhook_enrichment"[^}]*"ready":0/)
  // Another process has turned it off; this one knows within five seconds.
  await until(async () => !(await it.isEnrichmentOn()), { timeoutMs: 5000 })

  const worker = startCommand(
    [
      '-A',
      'lms.celery',
      'worker',
      '-l',
      'info',
      `--queues=${it.QUEUE}`,
      '--concurrency=2',
      '--hostname=webhook-enrichment@%h',
    ],
    HERE,
    env,
  )
  await worker.says(/ ready/)
  const stopped = await run('sh', [`${HERE}scripts/rollback.sh`, '--stop'], { env })
  expect(stopped.code, stopped.stderr).toBe(0)
  expect(await worker.exited).toBe(0)
  expect(await run('sh', [`${HERE}scripts/rollback.sh`, '--now'], { env })).toMatchObject({ code: 64 })
})

test('a queue that nobody reads is told', async () => {
  const { queues } = await getQueueHealth(it.app, { queues: [it.QUEUE] })
  expect(queues[0]).toMatchObject({ workers: ['webhook-enrichment@test'] })
})
