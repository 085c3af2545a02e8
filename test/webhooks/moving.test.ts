import { verify } from '@lovage/webhooks/verify'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { expect, test } from 'vitest'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

test('an endpoint keeps the secret of its former sender: the libraries of its receiver verify what arrives', async () => {
  await using receiver = await Receiver.start()
  await using set = await setUpWebhooks()
  const { endpoint, secrets } = await set.hooks.endpoints.create({
    url: receiver.url,
    secrets: [SECRET],
    isEnabled: false,
  })
  expect(secrets).toMatchObject([{ scheme: 'v1', secret: SECRET }])
  // Held while events go to both, and sent when it is enabled.
  const { event } = await set.hooks.send({ type: 'order.paid', data: { id: 'o_1' } }, { id: 'evt-1' })
  await set.hooks.endpoints.enable(endpoint.id)
  await receiver.has(1)
  const [seen] = receiver.seen
  const text = seen?.body.toString() ?? ''
  const headers = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [
      name,
      String(seen?.headers[name]),
    ]),
  )
  for (const Library of [SvixWebhook, StandardWebhook])
    expect(new Library(SECRET).verify(text, headers)).toMatchObject({
      type: 'order.paid',
      data: { id: 'o_1' },
    })
  expect(headers['webhook-id']).toBe(event.id)
  for (const Library of [SvixWebhook, StandardWebhook])
    expect(() => new Library(SECRET).verify(`${text} `, headers)).toThrow(/No matching signature/)

  // A rotation signs with both: each library takes the one it knows.
  const rotated = await set.hooks.endpoints.rotateSecret(endpoint.id)
  await set.hooks.send({ type: 'order.paid', data: { id: 'o_2' } })
  await receiver.has(2)
  const [, second] = receiver.seen
  const both = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [
      name,
      String(second?.headers[name]),
    ]),
  )
  for (const secret of [SECRET, rotated.secret ?? ''])
    for (const Library of [SvixWebhook, StandardWebhook])
      expect(new Library(secret).verify(second?.body.toString() ?? '', both)).toMatchObject({
        data: { id: 'o_2' },
      })
})

test('what these libraries sign is verified here', async () => {
  const at = new Date()
  const body = '{"type":"order.paid","data":{"id":"o_1"}}'
  for (const Library of [SvixWebhook, StandardWebhook]) {
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Library(SECRET).sign('msg_1', at, body),
    }
    expect(await verify(body, headers, SECRET)).toMatchObject({ id: 'msg_1', event: { type: 'order.paid' } })
    await expect(verify(`${body} `, headers, SECRET)).rejects.toMatchObject({ code: 'LVG_VERIFY_NO_MATCH' })
  }
})

test('a secret that cannot sign is refused, and so is one beside schemes', async () => {
  await using set = await setUpWebhooks()
  const url = 'https://example.com'
  for (const secrets of [['whsec_c2hvcnQ='], ['not base64!'], []])
    await expect(set.hooks.endpoints.create({ url, secrets })).rejects.toMatchObject({
      code: 'LVG_WEBHOOK_INVALID',
    })
  await expect(set.hooks.endpoints.create({ url, secrets: [SECRET], signing: ['v1'] })).rejects.toMatchObject(
    {
      field: 'secrets',
    },
  )
  expect((await set.hooks.endpoints.list()).items).toEqual([])
})
