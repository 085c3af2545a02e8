import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

const headersOf = (request: { readonly headers: object } | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(request?.headers ?? {}).map(([name, value]) => [name, String(value)]))

test('an endpoint has the defaults of the documents, and limits that it cannot leave', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks({ minTimeoutMs: 5_000 })
  const { hooks } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  expect(endpoint).toMatchObject({
    id: expect.stringMatching(/^ep_/),
    tenant: 'default',
    eventTypes: [],
    timeoutMs: 30_000,
    ratePerMinute: 100,
    order: 'none',
    permanentStatuses: [],
    isEnabled: true,
  })
  for (const timeoutMs of [4_999, 200_001])
    await expect(hooks.endpoints.update(endpoint.id, { timeoutMs })).rejects.toMatchObject({
      field: 'timeoutMs',
    })
  for (const timeoutMs of [5_000, 200_000])
    expect(await hooks.endpoints.update(endpoint.id, { timeoutMs })).toMatchObject({ timeoutMs })
})

test('a body above 20 kB is sent with a warning, one above 256 KiB is refused', async () => {
  const warned: object[] = []
  const quiet = (): void => {}
  const logger: Logger = {
    ...{ debug: quiet, info: quiet, error: quiet },
    warn: (fields, message) => void (message.includes('is large') && warned.push(fields)),
    child: () => logger,
  }
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks({}, { app: createTestApp('hooks', { logger }) })
  const { hooks } = set
  await hooks.endpoints.create({ url: receiver.url })
  const send = (bytes: number) => hooks.sendBytes({ type: 'a.b', body: Buffer.alloc(bytes, '1') })
  await send(20_000)
  expect(warned).toEqual([])
  await send(20_001)
  expect(warned).toEqual([{ type: 'a.b', bytes: 20_001 }])
  await send(262_144)
  await expect(send(262_145)).rejects.toMatchObject({ code: 'LVG_WEBHOOK_TOO_LARGE' })
  await receiver.has(3)
  expect(receiver.seen.map(({ body }) => body.length).sort((a, b) => a - b)).toEqual([
    20_000, 20_001, 262_144,
  ])
})

test.each([{}, { deliveryId: 'dlv_1', eventId: 'msg_1' }])('attempts by %o are refused', async (query) => {
  await using set = await setUpWebhooks()
  await expect(set.hooks.deliveries.attempts(query)).rejects.toThrow(
    'by one of deliveryId, eventId and endpointId',
  )
})

test('each attempt is signed with its own time, under the same id', async () => {
  let status = 500
  await using receiver = await Receiver.start((_request, response) => {
    response.writeHead(status).end()
    status = 204
  })
  // The time is in whole seconds.
  await using set = await setUpWebhooks({ schedule: { taskBackoffMs: 1_100, jitter: 0 } })
  const { secrets } = await set.hooks.endpoints.create({ url: receiver.url })
  const { event } = await set.hooks.send({ type: 'a.b', data: {} })
  await receiver.has(2)
  const [first, second] = receiver.seen.map(headersOf)
  expect([first?.['webhook-id'], second?.['webhook-id']]).toEqual([event.id, event.id])
  expect(Number(second?.['webhook-timestamp'])).toBeGreaterThan(Number(first?.['webhook-timestamp']))
  for (const request of receiver.seen)
    expect(
      new Webhook(secrets[0]?.secret ?? '').verify(request.body.toString(), headersOf(request)),
    ).toMatchObject({ type: 'a.b' })
})

test('a secret is shown once, is of 24 bytes at least, and lies encrypted; the old one signs for a day', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks, folder } = set
  const [one, two] = [
    await hooks.endpoints.create({ url: receiver.url }),
    await hooks.endpoints.create({ url: receiver.url }),
  ]
  const [text, other] = [one, two].map(({ secrets }) => secrets[0]?.secret?.replace('whsec_', '') ?? '')
  expect(text).not.toBe(other)
  const bytes = Buffer.from(text ?? '', 'base64')
  expect(bytes.length).toBeGreaterThanOrEqual(24)
  expect(bytes.length).toBeLessThanOrEqual(64)
  const { id } = one.endpoint
  const rotated = await hooks.endpoints.rotateSecret(id)
  const kept = await hooks.endpoints.secrets(id)
  const [{ expiresAtMs } = { expiresAtMs: null }] = kept.filter((each) => each.id !== rotated.id)
  expect(Number(expiresAtMs) - rotated.createdAtMs).toBe(86_400_000)
  expect(JSON.stringify([await hooks.endpoints.get(id), await hooks.endpoints.list(), kept])).not.toContain(
    text,
  )
  for (const file of readdirSync(folder)) {
    const content = readFileSync(join(folder, file))
    for (const secret of [text ?? '', rotated.secret?.replace('whsec_', '') ?? '']) {
      expect(content.includes(secret), file).toBe(false)
      expect(content.includes(Buffer.from(secret, 'base64')), file).toBe(false)
    }
  }
})

test('a replay of more than a hundred goes in batches of a hundred', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  const { endpoint } = await hooks.endpoints.create({
    url: receiver.url,
    ratePerMinute: null,
    concurrency: null,
  })
  await Promise.all(Array.from({ length: 130 }, (_, n) => hooks.send({ type: 'a.b', data: { n } })))
  await receiver.has(130)
  await until(
    async () => (await hooks.deliveries.list({ states: ['success'], limit: 250 })).items.length === 130,
  )
  const task = await hooks.deliveries.replayAll({ endpointId: endpoint.id, sinceMs: 1, states: ['success'] })
  expect(await app.asyncResult(task).get({ timeout: 20 })).toEqual({ replayed: 100, isDone: false })
  await receiver.has(260)
  const times = new Map<string, number>()
  for (const { headers } of receiver.seen)
    times.set(String(headers['webhook-id']), (times.get(String(headers['webhook-id'])) ?? 0) + 1)
  expect([times.size, new Set(times.values())]).toEqual([130, new Set([2])])
})

test('a test event is marked, tried once, and leaves neither a dead letter nor a notice', async () => {
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(500).end('no'))
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  const told: string[] = []
  hooks.on('message.attempt.exhausted', ({ eventId }) => void told.push(eventId))
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  const { deliveryIds } = await hooks.endpoints.test(endpoint.id)
  const [id = ''] = deliveryIds
  await until(async () => (await hooks.deliveries.get(id)).state === 'exhausted')
  expect(await hooks.deliveries.get(id)).toMatchObject({
    eventType: 'webhook.test',
    isTest: true,
    attempts: 1,
  })
  expect((await hooks.deliveries.attempts({ deliveryId: id })).items).toMatchObject([
    { trigger: 'test', status: 500 },
  ])
  await app.sendTask('webhooks.retry_failed_deliveries')
  // An event that comes after it has been through all of this.
  const after = await hooks.send({ type: 'order.paid', data: {} })
  await receiver.has(2)
  expect(receiver.seen.at(-1)?.headers['webhook-id']).toBe(after.event.id)
  expect([(await app.deadLetters.list({})).items, told]).toEqual([[], []])
  expect(await hooks.deliveries.get(after.deliveryIds[0] ?? '')).toMatchObject({ isTest: false })
})

test('a call names its type by event or by type', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  for (const event_data of [{ event: 'file.uploaded' }, { type: 'file.removed' }]) {
    const sent = await app.sendTask('webhooks.deliver_event', {
      kwargs: { webhook_id: endpoint.id, event_data },
    })
    await sent.get({ timeout: 10 })
  }
  expect(receiver.seen.map(({ body }) => JSON.parse(body.toString()))).toEqual([
    { event: 'file.uploaded' },
    { type: 'file.removed' },
  ])
  expect((await hooks.events.list()).items.map(({ type }) => type).sort()).toEqual([
    'file.removed',
    'file.uploaded',
  ])
})
