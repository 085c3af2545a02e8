import type { NewEndpoint } from '@lovage/webhooks'
import { until } from 'lovage/testing'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

test('an event arrives signed, with the bytes that were stored, and its attempt is there to see', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks({ events: { 'order.paid': z.object({ id: z.string() }) } })
  const { hooks } = set
  const { endpoint, secrets } = await hooks.endpoints.create({
    url: receiver.url,
    headers: { 'X-Token': 'abc' },
  })
  const { event, deliveryIds } = await hooks.send({ type: 'order.paid', data: { id: 'o_1' } })
  await receiver.has(1)
  const [seen] = receiver.seen
  expect(seen?.headers).toMatchObject({
    'webhook-id': event.id,
    'x-token': 'abc',
    'content-type': 'application/json',
  })
  const verified = new Webhook(secrets[0]?.secret ?? '').verify(seen?.body.toString() ?? '', {
    'webhook-id': String(seen?.headers['webhook-id']),
    'webhook-timestamp': String(seen?.headers['webhook-timestamp']),
    'webhook-signature': String(seen?.headers['webhook-signature']),
  })
  expect(verified).toMatchObject({ type: 'order.paid', data: { id: 'o_1' } })
  expect(await hooks.events.body(event.id)).toEqual(seen?.body)
  const [id = ''] = deliveryIds
  await until(async () => (await hooks.deliveries.get(id)).state === 'success')
  const { items } = await hooks.deliveries.attempts({ deliveryId: id })
  expect(items).toMatchObject([
    { number: 1, outcome: 'success', status: 204, endpointId: endpoint.id, trigger: 'schedule' },
  ])
})

test('a failing receiver is tried four times by the task, then by the sweeper, each with the same id', async () => {
  let answers = 0
  await using receiver = await Receiver.start((_request, response) => {
    answers += 1
    response.writeHead(answers <= 5 ? 500 : 200).end('it is broken')
  })
  await using set = await setUpWebhooks({
    schedule: { taskBackoffMs: 20, jitter: 0, sweepDelaysMs: [1, 1, 1] },
  })
  const { hooks, app } = set
  await hooks.endpoints.create({ url: receiver.url })
  const told: string[] = []
  hooks.on('message.attempt.failing', ({ attempts }) => void told.push(`failing after ${attempts}`))
  hooks.on('message.attempt.recovered', ({ attempts }) => void told.push(`recovered after ${attempts}`))
  const { deliveryIds, event } = await hooks.send({ type: 'order.paid', data: {} })
  const [id = ''] = deliveryIds
  const isIn = (state: string) => until(async () => (await hooks.deliveries.get(id)).state === state)
  await isIn('failed')
  expect(receiver.seen).toHaveLength(4)
  for (const attempts of [5, 6]) {
    await app.sendTask('webhooks.retry_failed_deliveries')
    await receiver.has(attempts)
    await isIn(attempts === 5 ? 'failed' : 'success')
  }
  expect(new Set(receiver.seen.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([event.id]))
  const { items } = await hooks.deliveries.attempts({ deliveryId: id })
  expect(items.map(({ number, status, trigger }) => `${number} ${status} ${trigger}`)).toEqual([
    '6 200 sweep',
    '5 500 sweep',
    '4 500 schedule',
    '3 500 schedule',
    '2 500 schedule',
    '1 500 schedule',
  ])
  expect(items[1]?.responseBody).toEqual({ encoding: 'utf8', text: 'it is broken', isTruncated: false })
  expect(told).toEqual(['failing after 4', 'recovered after 6'])
})

test('the dead letter of a delivery that is redriven makes one more attempt, and comes back if that fails', async () => {
  let status = 400
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(status).end())
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  await hooks.endpoints.create({ url: receiver.url, permanentStatuses: [400] })
  const { deliveryIds, event } = await hooks.send({ type: 'order.paid', data: {} })
  const [id = ''] = deliveryIds
  const letters = async () => (await app.deadLetters.list({})).items
  await until(async () => (await letters()).length === 1)
  await app.deadLetters.retry({})
  await receiver.has(2)
  await until(async () => (await letters()).length === 1)
  expect(await hooks.deliveries.get(id)).toMatchObject({ state: 'exhausted', attempts: 1 })
  status = 204
  await app.deadLetters.retry({})
  await receiver.has(3)
  await until(async () => (await hooks.deliveries.get(id)).state === 'success')
  expect(await letters()).toEqual([])
  expect(receiver.seen.map(({ headers }) => headers['webhook-id'])).toEqual([event.id, event.id, event.id])
})

test('ids without dots only: a dot separates the id from the rest of what is signed', async () => {
  await using set = await setUpWebhooks()
  await expect(set.hooks.send({ type: 'a.b', data: {} }, { id: 'a.b' })).rejects.toMatchObject({
    code: 'LVG_WEBHOOK_INVALID',
    field: 'id',
  })
})

test('a delivery that is given up is a dead letter, and a replay that arrives ends it', async () => {
  let status = 400
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(status).end())
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  await hooks.endpoints.create({ url: receiver.url, permanentStatuses: [400] })
  const { deliveryIds } = await hooks.send({ type: 'order.paid', data: {} })
  const [id = ''] = deliveryIds
  await until(async () => (await app.deadLetters.list({})).items.length === 1)
  expect(await hooks.deliveries.get(id)).toMatchObject({ state: 'exhausted', attempts: 1 })
  status = 204
  await hooks.deliveries.replay(id)
  await until(async () => (await hooks.deliveries.get(id)).state === 'success')
  const { items } = await hooks.deliveries.attempts({ deliveryId: id })
  expect(items.map(({ number, trigger }) => [number, trigger])).toEqual([
    [0, 'replay'],
    [1, 'schedule'],
  ])
})

test('410 disables the endpoint; what comes meanwhile is held, and goes when it is enabled', async () => {
  let status = 410
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(status).end())
  await using set = await setUpWebhooks()
  const { hooks } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  const told: string[] = []
  hooks.on('endpoint.disabled', ({ reason }) => void told.push(reason))
  await hooks.send({ type: 'order.paid', data: {} })
  await until(async () => !(await hooks.endpoints.get(endpoint.id)).isEnabled)
  const held = await hooks.send({ type: 'order.paid', data: { n: 2 } })
  expect(await hooks.deliveries.get(held.deliveryIds[0] ?? '')).toMatchObject({ state: 'held' })
  status = 204
  await hooks.endpoints.enable(endpoint.id)
  await receiver.has(2)
  expect(receiver.seen[1]?.headers['webhook-id']).toBe(held.event.id)
  expect(told).toEqual(['gone'])
})

test('a rotated secret signs beside the old one; v1a keys are published', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks } = set
  const { endpoint, secrets } = await hooks.endpoints.create({ url: receiver.url, signing: ['v1', 'v1a'] })
  const rotated = await hooks.endpoints.rotateSecret(endpoint.id)
  await hooks.send({ type: 'order.paid', data: {} })
  await receiver.has(1)
  const [seen] = receiver.seen
  const headers = Object.fromEntries(
    Object.entries(seen?.headers ?? {}).map(([name, value]) => [name, String(value)]),
  )
  expect(
    headers['webhook-signature']
      ?.split(' ')
      .map((part) => part.split(',')[0])
      .sort(),
  ).toEqual(['v1', 'v1', 'v1a'])
  for (const secret of [secrets[0]?.secret, rotated.secret])
    expect(() => new Webhook(secret ?? '').verify(seen?.body.toString() ?? '', headers)).not.toThrow()
  const { keys } = await hooks.keySet()
  expect(keys).toMatchObject([
    { kty: 'OKP', crv: 'Ed25519', endpoint: endpoint.id, whpk: secrets[1]?.publicKey },
  ])
  expect(secrets[1]?.secret).toBeNull()
})

test('thin events carry id, type and time alone', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  await set.hooks.endpoints.create({ url: receiver.url, payload: 'thin' })
  const { event } = await set.hooks.send({ type: 'order.paid', data: { secret: 'x' } })
  await receiver.has(1)
  expect(JSON.parse(receiver.seen[0]?.body.toString() ?? '')).toEqual({
    id: event.id,
    type: 'order.paid',
    timestamp: new Date(event.createdAtMs).toISOString(),
  })
})

test('a call from elsewhere, by webhook_id and event_data, is delivered with its data unchanged, and once', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { hooks, app } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url, tenant: 'acme' })
  const event_data = {
    event: 'file.uploaded',
    partner_id: 'p-1',
    data: { n: 1.5, ü: null },
    timestamp: '2026-01-01T00:00:00Z',
  }
  const call = {
    kwargs: { webhook_id: endpoint.id, event_data },
    taskId: 'b7b1a9f0-0000-4000-8000-000000000001',
  }
  const result = await app.sendTask('webhooks.deliver_event', call)
  expect(await result.get({ timeout: 10 })).toMatchObject({ state: 'success', status: 204, attempt: 1 })
  expect(JSON.parse(receiver.seen[0]?.body.toString() ?? '')).toEqual(event_data)
  await (await app.sendTask('webhooks.deliver_event', call)).get({ timeout: 10 })
  expect(receiver.seen).toHaveLength(1)
  for (const [kwargs, why] of [
    [{ webhook_id: 'ep_none', event_data }, /no endpoint ep_none/],
    [{ webhook_id: endpoint.id, event_data: 'x' }, /event_data must be an object/],
    [{ webhook_id: endpoint.id, event_data: { data: 1 } }, /must have an event/],
  ] as const) {
    const bad = await app.sendTask('webhooks.deliver_event', { kwargs })
    await expect(bad.get({ timeout: 10 })).rejects.toThrow(why)
  }
})

test('deleting an endpoint ends its deliveries, and its tasks do not loop', async () => {
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(500).end())
  await using set = await setUpWebhooks({ schedule: { taskBackoffMs: 300, jitter: 0 } })
  const { hooks, worker } = set
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url })
  const { deliveryIds } = await hooks.send({ type: 'order.paid', data: {} })
  await receiver.has(1)
  await until(async () => (await hooks.deliveries.get(deliveryIds[0] ?? '')).attempts === 1)
  await hooks.endpoints.delete(endpoint.id)
  expect(await hooks.deliveries.get(deliveryIds[0] ?? '')).toMatchObject({ state: 'cancelled' })
  const before = worker.processed
  await until(() => worker.processed > before)
  expect(receiver.seen).toHaveLength(1)
  await expect(hooks.endpoints.get(endpoint.id)).rejects.toMatchObject({ code: 'LVG_WEBHOOK_NOT_FOUND' })
})

test('what is wrong with an event or an endpoint is said by its field, and nothing is stored', async () => {
  await using set = await setUpWebhooks({
    events: { 'order.paid': z.object({ id: z.string() }) },
    maxBodyBytes: 1000,
  })
  const { hooks } = set
  // @ts-expect-error the catalogue wants a text
  await expect(hooks.send({ type: 'order.paid', data: { id: 5 } })).rejects.toMatchObject({
    field: 'data.id',
  })
  // @ts-expect-error it is not in the catalogue
  await expect(hooks.send({ type: 'order.lost', data: {} })).rejects.toMatchObject({
    code: 'LVG_WEBHOOK_UNKNOWN_TYPE',
  })
  await expect(hooks.send({ type: 'order.paid', data: { id: 'x'.repeat(1000) } })).rejects.toMatchObject({
    code: 'LVG_WEBHOOK_TOO_LARGE',
  })
  expect((await hooks.events.list()).items).toEqual([])
  // One of them has a field that the type does not know.
  for (const [input, field] of [
    [{ url: 'http://10.0.0.1/' }, 'url'],
    [{ url: 'https://x.example/', headers: { 'Webhook-Id': 'x' } }, 'headers.Webhook-Id'],
    [{ url: 'https://x.example/', headers: { a: 'x\r\nb: c' } }, 'headers.a'],
    [{ url: 'https://x.example/', headers: { a: 'x'.repeat(5000) } }, 'headers'],
    [{ url: 'https://x.example/', eventTypes: ['*.paid'] }, 'eventTypes'],
    [{ url: 'https://x.example/', timeoutMs: 1e9 }, 'timeoutMs'],
    [{ url: 'https://x.example/', tls: { certificate: 'x', key: 'y' } }, 'tls'],
    [{ url: 'https://x.example/', colour: 'red' }, 'colour'],
  ] as const)
    await expect(hooks.endpoints.create(input as NewEndpoint)).rejects.toMatchObject({ field })
  expect((await hooks.endpoints.list()).items).toEqual([])
})
