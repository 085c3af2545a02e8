import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { OPERATIONS } from '../../packages/webhooks/src/service/contract/index.js'
import { Receiver } from './receiver.js'
import { setUpService } from './set-up-service.js'

/** What the contract says of an answer is checked on real ones; a schema also refuses fields that it does not know. */
function expectAsTold(name: keyof typeof OPERATIONS, status: number, body: unknown): void {
  const { responses } = OPERATIONS[name]
  const answer = Object.entries(responses).find(([each]) => each === String(status))?.[1] ?? responses
  // Every answer of these operations is JSON.
  const { schema } = (answer as unknown as { content: { 'application/json': { schema: z.ZodType } } })
    .content['application/json']
  expect(schema.parse(body)).toEqual(body)
}

test('an endpoint, an event, its delivery and its attempt, by HTTP alone, each as the contract says', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpService()
  const { ask } = await set.client()
  const created = await ask('POST', '/v1/endpoints', {
    url: receiver.url,
    eventTypes: ['order.*'],
    signing: ['v1', 'v1a'],
  })
  expect(created.status).toBe(201)
  expectAsTold('createEndpoint', 201, created.body)
  const { id } = created.body.endpoint as { id: string }
  const sent = await ask('POST', '/v1/events', { type: 'order.paid', data: { id: 'o_1' } })
  expect(sent.status).toBe(202)
  expectAsTold('sendEvent', 202, sent.body)
  const [deliveryId] = sent.body.deliveryIds as string[]
  await until(async () => (await ask('GET', `/v1/deliveries/${deliveryId}`)).body.state === 'success')
  for (const [name, path] of [
    ['getEndpoint', `/v1/endpoints/${id}`],
    ['listEndpoints', '/v1/endpoints?isEnabled=true'],
    ['listSecrets', `/v1/endpoints/${id}/secrets`],
    ['getEvent', `/v1/events/${(sent.body.event as { id: string }).id}`],
    ['listEvents', '/v1/events?type=order.paid&type=order.gone&sinceMs=1'],
    ['getDelivery', `/v1/deliveries/${deliveryId}`],
    ['listDeliveries', `/v1/deliveries?endpointId=${id}&state=success`],
    ['listAttempts', `/v1/attempts?deliveryId=${deliveryId}`],
    ['listEventTypes', '/v1/event-types'],
    ['getHealth', '/health'],
    ['getKeySet', `/.well-known/webhook-keys/${id}`],
  ] as const) {
    const { status, body } = await ask('GET', path)
    expect([path, status]).toEqual([path, 200])
    expectAsTold(name, 200, body)
    if ('items' in body && name !== 'listEventTypes')
      expect([path, (body.items as unknown[]).length > 0]).toEqual([path, true])
  }
  const bytes = await ask('GET', `/v1/events/${(sent.body.event as { id: string }).id}/body`)
  expect(bytes.body.text).toBe(receiver.seen[0]?.body.toString())

  const changed = await ask('PATCH', `/v1/endpoints/${id}`, { description: 'theirs', isEnabled: false })
  expect(changed.body).toMatchObject({ description: 'theirs', isEnabled: false, disabledReason: 'manual' })
  const rotated = await ask('POST', `/v1/endpoints/${id}/secrets`, { overlapMs: 60_000 })
  expectAsTold('rotateSecret', 201, rotated.body)
  expect((await ask('GET', `/v1/endpoints/${id}/secrets`)).body.items).toHaveLength(3)
  await ask('PATCH', `/v1/endpoints/${id}`, { isEnabled: true })
  expect((await ask('POST', `/v1/endpoints/${id}/test`)).status).toBe(202)
  expect((await ask('POST', `/v1/deliveries/${deliveryId}/replay`)).status).toBe(202)
  await receiver.has(3)
  const again = await ask('POST', '/v1/replays', { endpointId: id, sinceMs: 1, states: ['success'] })
  expectAsTold('replayDeliveries', 202, again.body)
  await receiver.has(4)
  expect((await ask('DELETE', `/v1/endpoints/${id}`)).status).toBe(204)
  expect((await ask('GET', `/v1/endpoints/${id}`)).status).toBe(404)
})

test('listings continue where the previous page ended, and miss nothing', async () => {
  await using set = await setUpService()
  const { ask } = await set.client()
  for (let n = 0; n < 7; n++)
    await ask('POST', '/v1/endpoints', { url: `https://example.com/${n}`, isEnabled: false })
  const urls: string[] = []
  for (let after: string | null = null, pages = 0; pages < 4; pages++) {
    const { body } = await ask('GET', `/v1/endpoints?limit=3${after === null ? '' : `&after=${after}`}`)
    urls.push(...(body.items as { url: string }[]).map(({ url }) => url))
    after = body.next as string | null
    if (after === null) break
  }
  expect(urls).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => `https://example.com/${n}`))
})

test('tenants see nothing of each other, whatever they ask for', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpService()
  const [acme, other] = [await set.client(), await set.client({ tenant: 'other' })]
  const created = await acme.ask('POST', '/v1/endpoints', { url: receiver.url })
  const { id } = created.body.endpoint as { id: string }
  const sent = await acme.ask('POST', '/v1/events', { type: 'a.b', data: {} })
  const { id: eventId } = sent.body.event as { id: string }
  const [deliveryId] = sent.body.deliveryIds as string[]
  for (const [method, path, body] of [
    ['GET', `/v1/endpoints/${id}`],
    ['PATCH', `/v1/endpoints/${id}`, { description: 'mine' }],
    ['DELETE', `/v1/endpoints/${id}`],
    ['GET', `/v1/endpoints/${id}/secrets`],
    ['POST', `/v1/endpoints/${id}/secrets`, {}],
    ['POST', `/v1/endpoints/${id}/test`, {}],
    ['POST', '/v1/events', { type: 'a.b', data: {}, endpointId: id }],
    ['GET', `/v1/events/${eventId}`],
    ['GET', `/v1/events/${eventId}/body`],
    ['GET', `/v1/deliveries/${deliveryId}`],
    ['POST', `/v1/deliveries/${deliveryId}/replay`],
    ['POST', `/v1/deliveries/${deliveryId}/cancel`],
    ['POST', '/v1/replays', { endpointId: id, sinceMs: 1 }],
  ] as const)
    expect([method, path, (await other.ask(method, path, body)).status]).toEqual([method, path, 404])
  for (const path of [
    '/v1/endpoints',
    '/v1/events',
    '/v1/deliveries',
    `/v1/deliveries?endpointId=${id}`,
    `/v1/attempts?deliveryId=${deliveryId}`,
    `/v1/attempts?endpointId=${id}`,
    `/v1/attempts?eventId=${eventId}`,
  ])
    expect([path, (await other.ask('GET', path)).body.items]).toEqual([path, []])
  expect((await other.ask('GET', '/v1/endpoints', undefined, { 'lovage-tenant': 'acme' })).status).toBe(403)
  const operator = await set.client({ tenant: '*' })
  expect((await operator.ask('GET', '/v1/endpoints')).status).toBe(400)
  const theirs = await operator.ask('GET', '/v1/endpoints', undefined, { 'lovage-tenant': 'acme' })
  expect(theirs.body.items).toHaveLength(1)
})

test('a key does what its scopes say, until it ends; only its hash is kept', async () => {
  await using set = await setUpService()
  const { ask } = await set.client({ scopes: ['endpoints:read'] })
  expect((await ask('GET', '/v1/endpoints')).status).toBe(200)
  for (const [method, path] of [
    ['POST', '/v1/endpoints'],
    ['GET', '/v1/events'],
    ['POST', '/v1/events'],
    ['GET', '/v1/deliveries'],
    ['GET', '/v1/attempts'],
    ['POST', '/v1/portal-links'],
  ] as const)
    expect([
      method,
      path,
      (await ask(method, path, method === 'GET' ? undefined : {})).body.error?.code,
    ]).toEqual([method, path, 'LVG_WEBHOOK_FORBIDDEN'])
  const { key, text } = await set.keys.create({ tenant: 'acme', name: 'ci' })
  const asked = () => set.service.request('/v1/endpoints', { headers: { authorization: `Bearer ${text}` } })
  expect((await asked()).status).toBe(200)
  const documents = await (await set.hooks.store()).documents.list('api-key', { nowMs: Date.now() })
  expect(JSON.stringify(documents)).not.toContain(text.slice(-43))
  expect((await set.keys.list('acme')).map(({ name }) => name)).toEqual(['', 'ci'])
  await set.keys.revoke(key.id)
  expect((await asked()).status).toBe(401)
  const short = await set.keys.create({ tenant: 'acme', expiresAtMs: Date.now() - 1 })
  const late = await set.service.request('/v1/endpoints', {
    headers: { authorization: `Bearer ${short.text}` },
  })
  expect(late.status).toBe(401)
  expect(late.headers.get('www-authenticate')).toBe('Bearer')
})

test('a limit of requests holds for all processes of the service together, and says when to come back', async () => {
  await using set = await setUpService({ service: { rate: { perMinute: 60, burst: 3 } } })
  const { serviceApp } = await import('@lovage/webhooks/service')
  const second = serviceApp(set.hooks, { rate: { perMinute: 60, burst: 3 } })
  const { text } = await set.keys.create({ tenant: 'acme' })
  const headers = { authorization: `Bearer ${text}` }
  const statuses: number[] = []
  for (const app of [set.service, second, set.service, second, set.service])
    statuses.push((await app.request('/v1/endpoints', { headers })).status)
  expect(statuses.slice(0, 3)).toEqual([200, 200, 200])
  expect(statuses.slice(3)).toEqual([429, 429])
  const refused = await set.service.request('/v1/endpoints', { headers })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(((await refused.json()) as { error: { code: string } }).error.code).toBe('LVG_WEBHOOK_RATE_LIMITED')
  // Another key has its own limit.
  expect((await (await set.client()).ask('GET', '/v1/endpoints')).status).toBe(200)
})

test('the catalogue is told with its schemas, and data is checked against it', async () => {
  await using set = await setUpService({ events: { 'order.paid': z.object({ id: z.string() }) } })
  const { ask } = await set.client()
  expect((await ask('GET', '/v1/event-types')).body.items).toMatchObject([
    {
      name: 'order.paid',
      schema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    },
  ])
  expect((await ask('POST', '/v1/events', { type: 'order.paid', data: { id: 7 } })).body.error).toMatchObject(
    {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'data.id',
    },
  )
  expect((await ask('POST', '/v1/events', { type: 'order.sold', data: {} })).body.error?.code).toBe(
    'LVG_WEBHOOK_UNKNOWN_TYPE',
  )
})
