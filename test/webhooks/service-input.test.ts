import { connect } from 'node:net'
import { serveWebhooks } from '@lovage/webhooks/service'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Receiver } from './receiver.js'
import { setUpService } from './set-up-service.js'

const JSON_TYPE = { 'content-type': 'application/json' }

test('bad input gets one clear error in one shape, which names the field, and nothing is written', async () => {
  await using set = await setUpService({ service: { maxRequestBytes: 2_000 } })
  const { send } = await set.client()
  const event = (
    body: string | Uint8Array<ArrayBuffer> | ReadableStream,
    headers: Record<string, string> = JSON_TYPE,
  ) =>
    send('/v1/events', {
      method: 'POST',
      body,
      headers,
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    })
  const endpoint = (fields: object) =>
    send('/v1/endpoints', { method: 'POST', body: JSON.stringify(fields), headers: JSON_TYPE })
  const long = JSON.stringify({ type: 'a.b', data: 'x'.repeat(3_000) })
  const endless = new ReadableStream({
    pull(controller) {
      controller.enqueue(Buffer.from('"'.padEnd(1_000, 'x')))
    },
  })
  const cases = [
    ['no JSON', event('{"type":'), 400, 'body'],
    ['an empty body', event(''), 400, 'type'],
    ['a list', event('[]'), 400, 'json'],
    ['bytes that are not UTF-8', event(Uint8Array.from([0x22, 0xff, 0xfe, 0x22])), 400, 'body'],
    ['another type of content', event('a=b', { 'content-type': 'text/plain' }), 415, 'content-type'],
    ['too many bytes', event(long), 413, 'body'],
    ['a body without an end', event(endless), 413, 'body'],
    ['no data', event('{"type":"a.b"}'), 400, 'data'],
    ['a type that is none', event('{"type":"a b","data":1}'), 400, 'type'],
    ['a notice', event('{"type":"endpoint.disabled","data":1}'), 400, 'type'],
    ['an unknown field', event('{"type":"a.b","data":1,"colour":"red"}'), 400, 'colour'],
    ['an id with a slash', event('{"type":"a.b","data":1,"id":"a/b"}'), 400, 'id'],
    ['a time that is none', event('{"type":"a.b","data":1,"timestamp":"today"}'), 400, 'timestamp'],
    ['an endpoint that is not there', event('{"type":"a.b","data":1,"endpointId":"ep_1"}'), 404, 'id'],
    ['no URL', endpoint({}), 400, 'url'],
    ['a private address', endpoint({ url: 'https://10.0.0.1' }), 400, 'url'],
    ['the same in octal', endpoint({ url: 'https://012.0.0.1' }), 400, 'url'],
    ['credentials', endpoint({ url: 'https://a:b@example.com' }), 400, 'url'],
    [
      'a header of ours',
      endpoint({ url: 'https://example.com', headers: { 'webhook-id': 'x' } }),
      400,
      'headers.webhook-id',
    ],
    [
      'a header that breaks lines',
      endpoint({ url: 'https://example.com', headers: { a: 'b\r\nc: d' } }),
      400,
      'headers.a',
    ],
    ['a timeout too short', endpoint({ url: 'https://example.com', timeoutMs: 1 }), 400, 'timeoutMs'],
    ['a tenant', endpoint({ url: 'https://example.com', tenant: 'other' }), 400, 'tenant'],
    [
      'TLS texts that are none',
      endpoint({ url: 'https://example.com', tls: { authority: 'x' } }),
      400,
      'tls',
    ],
    ['a page of nothing', send('/v1/events?limit=0', {}), 400, 'limit'],
    ['a state that is none', send('/v1/deliveries?state=lost', {}), 400, 'state.0'],
    ['attempts of everything', send('/v1/attempts', {}), 400, 'deliveryId'],
    ['a path that is not there', send('/v1/nothing', {}), 404, null],
  ] as const
  for (const [what, asked, status, field] of cases) {
    const { status: got, body, headers } = await asked
    expect([what, got, body.error?.field]).toEqual([what, status, field])
    expect(body.error).toMatchObject({
      code: expect.stringMatching(/^LVG_WEBHOOK_/),
      hint: expect.any(String),
    })
    expect(headers.get('x-request-id')).toMatch(/\w/)
  }
  expect((await send('/v1/events', {})).body.items).toEqual([])
  expect((await send('/v1/endpoints', {})).body.items).toEqual([])
}, 30_000)

test('data arrives as it was written, with every digit of its numbers', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpService()
  const { ask, send } = await set.client()
  await ask('POST', '/v1/endpoints', { url: receiver.url })
  const data = '{ "n": 12345678901234567890.10, "s": "\\"data\\": {", "data": [1, {"data": "}"}] }'
  await send('/v1/events', {
    method: 'POST',
    body: `{"data": 1, "type": "a.b", "id": "e-1", "data" : ${data} , "timestamp":"2026-01-02T03:04:05Z"}`,
    headers: JSON_TYPE,
  })
  await receiver.has(1)
  expect(receiver.seen[0]?.body.toString()).toBe(
    `{"type":"a.b","timestamp":"2026-01-02T03:04:05.000Z","data":${data}}`,
  )
})

test('an endpoint that is deleted while deliveries wait leaves them cancelled, to be seen', async () => {
  await using receiver = await Receiver.start((_request, response) => void response.writeHead(500).end())
  await using set = await setUpService({ schedule: { taskBackoffMs: 600_000, jitter: 0 } })
  const { ask } = await set.client()
  const made = await ask('POST', '/v1/endpoints', { url: receiver.url })
  const sent = await ask('POST', '/v1/events', { type: 'a.b', data: {} })
  const [id] = sent.body.deliveryIds as string[]
  await until(async () => (await ask('GET', `/v1/deliveries/${id}`)).body.attempts === 1)
  await ask('DELETE', `/v1/endpoints/${(made.body.endpoint as { id: string }).id}`)
  expect((await ask('GET', `/v1/deliveries/${id}`)).body.state).toBe('cancelled')
  const refused = await ask('POST', `/v1/deliveries/${id}/cancel`)
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'LVG_WEBHOOK_STATE' } } })
})

test('a fault of ours says no more than its request, and a store that is away is 503', async () => {
  await using set = await setUpService()
  const { ask } = await set.client()
  const store = await set.hooks.store()
  Object.assign(store.events, {
    list: () => Promise.reject(new Error('password=hunter2')),
  })
  const failed = await ask('GET', '/v1/events')
  expect(failed).toMatchObject({ status: 500, body: { error: { code: 'LVG_WEBHOOK_INTERNAL' } } })
  expect(JSON.stringify(failed.body)).not.toContain('hunter2')
  expect(JSON.stringify(failed.body)).toContain(failed.headers.get('x-request-id') ?? 'none')
})

test('over a socket: a body cut short and no headers at all are ended, and health answers meanwhile', async () => {
  await using set = await setUpService()
  const { text } = await set.keys.create({ tenant: 'acme' })
  const served = await serveWebhooks(set.service, { port: 0 })
  const socket = connect(served.port, '127.0.0.1')
  socket.write(
    `POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${text}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"type"`,
  )
  const silent = connect(served.port, '127.0.0.1')
  expect(await (await fetch(`${served.url}/health`)).json()).toEqual({ status: 'ok', store: 'sqlite' })
  socket.destroy()
  silent.destroy()
  expect(await (await fetch(`${served.url}/health`)).json()).toEqual({ status: 'ok', store: 'sqlite' })
  await expect(serveWebhooks(set.service, { port: served.port })).rejects.toThrow(
    /another program listens there/,
  )
  await served.close()
})
