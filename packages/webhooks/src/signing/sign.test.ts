import { createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newSigningSecret, readSigningSecret } from './keys.js'
import { signatureHeader } from './sign.js'

const body = Buffer.from('{"test": 2432232314}')

test("Standard Webhooks' published vector comes out", () => {
  const key = readSigningSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  expect(signatureHeader([key], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body)).toBe(
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

test('the reference library verifies what two secrets sign, by either', () => {
  const secrets = [newSigningSecret('v1'), newSigningSecret('v1')]
  const timestampS = Math.floor(Date.now() / 1000)
  const header = signatureHeader(
    secrets.map(({ text }) => readSigningSecret(text)),
    'msg_1',
    timestampS,
    body,
  )
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(timestampS),
    'webhook-signature': header,
  }
  for (const { text } of secrets)
    expect(new Webhook(text).verify(body.toString(), headers)).toEqual({ test: 2432232314 })
  expect(() => new Webhook(newSigningSecret('v1').text).verify(body.toString(), headers)).toThrow(/signature/)
})

test('an ed25519 signature is verified with the published key alone', () => {
  const { text, publicKey } = newSigningSecret('v1a')
  const [scheme, signature = ''] = signatureHeader(
    [readSigningSecret(text)],
    'msg_2',
    1700000000,
    body,
  ).split(',')
  const x = Buffer.from(publicKey?.slice('whpk_'.length) ?? '', 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  const signed = Buffer.concat([Buffer.from('msg_2.1700000000.'), body])
  expect(scheme).toBe('v1a')
  expect(verify(null, signed, key, Buffer.from(signature, 'base64'))).toBe(true)
  expect(verify(null, Buffer.concat([signed, body]), key, Buffer.from(signature, 'base64'))).toBe(false)
})

test.each(['whsec_????', 'whsec_c2hvcnQ=', `whsec_${Buffer.alloc(65).toString('base64')}`, 'whsk_AAAA'])(
  'the secret %s is refused',
  (text) => {
    expect(() => readSigningSecret(text)).toThrow(/signing secret cannot be used/)
  },
)
