import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTestWorker, until } from 'lovage/testing'
import { startReceiver } from 'lovage-systems-kit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAIN } from '../../../test/cli/command.js'
import { run } from '../../../test/servers.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-delivery-'))

async function start() {
  const receiver = await startReceiver()
  Object.assign(process.env, {
    CELERY_BROKER_URL: `sqlite://${join(folder, 'queue.db')}`,
    DATABASE_URL: `sqlite://${join(folder, 'data.db')}`,
    ALLOW_HTTP: '1',
    ALLOWED_CIDRS: '127.0.0.0/8',
    LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
  })
  const { app } = await import('../celery_app.js')
  const parts = {
    ...(await import('../tasks/webhook_delivery.js')),
    ...(await import('../webhook_service.js')),
  }
  const worker = await startTestWorker(app, { concurrency: 4 })
  const { endpoint, secrets } = await parts.hooks.endpoints.create({
    url: receiver.url,
    tenant: 'partner-1',
    timeoutMs: 5000,
  })
  receiver.secret = secrets[0]?.secret ?? ''
  return { ...parts, app, worker, receiver, endpoint }
}

let it: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  it = await start()
})
afterAll(async () => {
  await it.worker.stop()
  await it.hooks.close()
  await it.app.close()
  await it.receiver.close()
  rmSync(folder, { recursive: true })
})

test('the three tasks are registered, two of them on their schedules, with the limits of the document', async () => {
  for (const name of [
    'webhooks.deliver_event',
    'webhooks.cleanup_old_deliveries',
    'webhooks.retry_failed_deliveries',
  ])
    expect(it.app.tasks.has(name), name).toBe(true)
  const here = fileURLToPath(new URL('..', import.meta.url))
  const { stdout } = await run(process.execPath, [MAIN, '-A', 'celery_app', 'beat', '--list'], { cwd: here })
  expect(stdout).toMatch(/webhooks\.cleanup_old_deliveries +every day /)
  expect(stdout).toMatch(/webhooks\.retry_failed_deliveries +every 5 minutes /)
  expect(it.app.conf).toMatchObject({
    taskTimeLimit: 300,
    taskSoftTimeLimit: 240,
    workerConcurrency: 4,
    workerMaxTasksPerChild: 1000,
    taskAcksLate: true,
  })
})

test('an event that the service emits arrives unchanged and signed, at its partner alone', async () => {
  const now = new Date('2025-10-13T13:00:00Z')
  const event = { partner_id: 'partner-1', event: 'application.submitted', data: { application: 1 } }
  const { event: stored } = await it.emitEvent(event, { now })
  await it.emitEvent({ ...event, partner_id: 'partner-2' }, { now })
  const body = await until(() => it.receiver.received.get(stored.id))
  expect(JSON.parse(body)).toEqual({ ...event, timestamp: now.toISOString() })
  expect(it.receiver).toMatchObject({ forged: 0, repeated: 0 })
  expect([...it.receiver.received.values()].filter((each) => each.includes('partner-2'))).toEqual([])
})

test('a delivery by its task tells what became of it', async () => {
  const data = {
    event: 'application.approved',
    partner_id: 'partner-1',
    data: { application: 7 },
    timestamp: '2025-10-13T13:00:00.000Z',
  }
  const task = await it.deliverWebhookEvent.delay(it.endpoint.id, data)
  expect(await task.get({ timeout: 20 })).toMatchObject({ state: 'success' })
  expect([...it.receiver.received.values()].map((body) => JSON.parse(body))).toContainEqual(data)
})
