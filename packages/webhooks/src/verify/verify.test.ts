import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newSigningSecret, readSigningSecret, signatureHeader } from '../signing/index.js'
import { type VerifyOptions, verify } from './verify.js'

const VECTOR = {
  key: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: '{"test": 2432232314}',
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  at: { nowMs: 1614265330_000 },
} as const

const nowS = () => Math.floor(Date.now() / 1000)

/** A request as our own sender makes it. */
function signed(secrets: readonly string[], body: string, id = 'msg_1', timestampS = nowS()) {
  const keys = secrets.map(readSigningSecret)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': signatureHeader(keys, id, timestampS, Buffer.from(body)),
  }
}

test("Standard Webhooks' published vector is right, whatever holds body and headers", async () => {
  const { body, headers, key, at } = VECTOR
  const bytes = new TextEncoder().encode(body)
  // A part of a larger buffer, as Node's small buffers are.
  const part = Buffer.from(`before${body}after`).subarray(6, 6 + bytes.length)
  const upperCase = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  )
  const distinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
  for (const rawBody of [body, bytes, bytes.buffer, part])
    for (const each of [headers, new Headers(headers), upperCase, distinct, { ...headers, get: 'x' }])
      expect(await verify(rawBody, each, key, at)).toEqual({
        id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        timestampMs: 1614265330_000,
        event: { test: 2432232314 },
      })
})

test('the reference library verifies what our sender signs and signs what we verify', async () => {
  const { text } = newSigningSecret('v1')
  const body = '{"type":"order.paid","data":{"name":"Ærø ☂"}}'
  const ours = signed([text], body)
  expect(new Webhook(text).verify(body, ours)).toEqual(JSON.parse(body))
  expect(await verify(body, ours, text)).toMatchObject({ id: 'msg_1', event: JSON.parse(body) })
  const at = new Date(nowS() * 1000)
  const theirs = {
    'webhook-id': 'msg_2',
    'webhook-timestamp': String(at.getTime() / 1000),
    'webhook-signature': new Webhook(text).sign('msg_2', at, body),
  }
  expect(await verify(body, theirs, text)).toMatchObject({ id: 'msg_2', event: JSON.parse(body) })
})

test.each(['v1', 'v1a'] as const)(
  '%s: while keys are rotated, old and new are good on either side',
  async (scheme) => {
    const [older, newer, stranger] = [
      newSigningSecret(scheme),
      newSigningSecret(scheme),
      newSigningSecret(scheme),
    ]
    const known = ({ text, publicKey }: typeof older) => publicKey ?? text
    const body = '{"type":"order.paid"}'
    const byBoth = signed([newer.text, older.text], body)
    // The sender rotates: the receiver has the old key, then the new one.
    expect(await verify(body, byBoth, known(older))).toMatchObject({ id: 'msg_1' })
    expect(await verify(body, byBoth, known(newer))).toMatchObject({ id: 'msg_1' })
    // The receiver has both already.
    const keys = [known(stranger), known(older), known(newer)]
    for (const one of [older, newer]) expect(await verify(body, signed([one.text], body), keys)).toBeTruthy()
    await expect(verify(body, byBoth, known(stranger))).rejects.toMatchObject({ code: 'LVG_VERIFY_NO_MATCH' })
    // Two headers of one name, as Node and as `Headers` join them.
    const [first = '', second = ''] = byBoth['webhook-signature'].split(' ')
    const apart = { ...byBoth, 'webhook-signature': [first, second] }
    const joined = new Headers({ ...byBoth, 'webhook-signature': first })
    joined.append('webhook-signature', second)
    for (const headers of [apart, joined])
      for (const one of [older, newer]) expect(await verify(body, headers, known(one))).toBeTruthy()
  },
)

test('a receiver may move from v1 to v1a with both keys; unknown schemes are passed over', async () => {
  const [secret, pair] = [newSigningSecret('v1'), newSigningSecret('v1a')]
  const headers = signed([secret.text, pair.text], '{}')
  headers['webhook-signature'] = `v2,AAAA noise ${headers['webhook-signature']}`
  for (const key of [secret.text, pair.publicKey ?? '']) expect(await verify('{}', headers, key)).toBeTruthy()
})

test('a public key is no HMAC secret, and a signature is good for its own scheme alone', async () => {
  const pair = newSigningSecret('v1a')
  const publicKey = pair.publicKey ?? ''
  // Everyone knows the public key: signing with its bytes must not help.
  const forged = signed([publicKey.replace('whpk_', 'whsec_')], '{}')
  await expect(verify('{}', forged, publicKey)).rejects.toMatchObject({ code: 'LVG_VERIFY_NO_MATCH' })
  await expect(verify('{}', forged, publicKey.slice('whpk_'.length))).rejects.toMatchObject({
    code: 'LVG_VERIFY_KEY_MALFORMED',
  })
  const renamed = signed([pair.text], '{}')
  renamed['webhook-signature'] = renamed['webhook-signature'].replace('v1a,', 'v1,')
  await expect(verify('{}', renamed, publicKey)).rejects.toMatchObject({
    message:
      'No signature has a scheme for which there is a key (signatures v1: 1, v1a: 0; keys v1: 0, v1a: 1).',
  })
})

test.each<[seconds: number, options: VerifyOptions, code: string | null]>([
  [300, {}, null],
  [300.999, {}, null],
  [301, {}, 'LVG_VERIFY_TOO_OLD'],
  [-300, {}, null],
  [-301, {}, 'LVG_VERIFY_TOO_NEW'],
  [11, { toleranceMs: 10_000 }, 'LVG_VERIFY_TOO_OLD'],
  [-11, { toleranceMs: 10_000 }, 'LVG_VERIFY_TOO_NEW'],
  [0.5, { toleranceMs: 0 }, null],
  [1e9, { toleranceMs: Number.POSITIVE_INFINITY }, null],
])('%d s after its signature, with %o: %s', async (seconds, options, code) => {
  const nowMs = Math.round(VECTOR.at.nowMs + seconds * 1000)
  const verified = verify(VECTOR.body, VECTOR.headers, VECTOR.key, { ...options, nowMs })
  if (code) await expect(verified).rejects.toMatchObject({ code, status: 401 })
  else expect(await verified).toBeTruthy()
})

test('whatever is changed after signing is refused, and what is not is accepted', async () => {
  const [secret, pair] = [newSigningSecret('v1'), newSigningSecret('v1a')]
  const keys = [secret.text, pair.publicKey ?? '']
  const event = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(
      event,
      fc.stringMatching(/^[\w-]{1,40}$/),
      fc.constantFrom(secret.text, pair.text),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (value, id, key, at, flip) => {
        const body = Buffer.from(JSON.stringify(value))
        const headers = signed([key], body.toString(), id)
        const { event: verified } = await verify(body, headers, keys)
        expect(JSON.stringify(verified)).toBe(JSON.stringify(JSON.parse(body.toString())))
        const changed = Buffer.from(body)
        changed[at % body.length] = (body[at % body.length] ?? 0) ^ flip
        const refused = { code: 'LVG_VERIFY_NO_MATCH' }
        await expect(verify(changed, headers, keys)).rejects.toMatchObject(refused)
        await expect(verify(Buffer.concat([body, Buffer.from(' ')]), headers, keys)).rejects.toMatchObject(
          refused,
        )
        const timestamp = String(Number(headers['webhook-timestamp']) - 1 - (at % 60))
        for (const other of [{ 'webhook-id': `${id}x` }, { 'webhook-timestamp': timestamp }])
          await expect(verify(body, { ...headers, ...other }, keys)).rejects.toMatchObject(refused)
        const [scheme = '', signature = ''] = headers['webhook-signature'].split(',')
        const bytes = Buffer.from(signature, 'base64')
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
        const forged = { ...headers, 'webhook-signature': `${scheme},${bytes.toString('base64')}` }
        await expect(verify(body, forged, keys)).rejects.toMatchObject(refused)
      },
    ),
    { numRuns: 60 },
  )
})
