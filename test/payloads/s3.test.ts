import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lovage, startWorker } from 'lovage'
import { expect, test, vi } from 'vitest'
import { openS3PayloadStore } from '../../packages/lovage/src/drivers/s3/s3-payload-store.js'
import { parseS3Url } from '../../packages/lovage/src/drivers/s3/s3-url.js'
import { startAws, startRedis } from '../servers.js'

test('large arguments and results of tasks on SQS are in a bucket', { timeout: 60_000 }, async () => {
  await using aws = await startAws()
  await using redis = await startRedis()
  aws.createBucket('payloads')
  await using app = new Lovage('shop', {
    broker: aws.url,
    backend: redis.url,
    coordinationUrl: redis.url,
    largePayloadUrl: `s3://key:secret@payloads/shop?endpoint=http://${aws.host}`,
    largePayloadBytes: 131_072,
    env: {},
  })
  const twice = app.task({ name: 'text.twice', run: (_ctx, text: string) => text + text })
  await using _worker = await startWorker(app, { concurrency: 1 })
  const text = 'é'.repeat(700_000)
  expect(await (await twice.delay(text)).get({ timeout: 20 })).toBe(text + text)
})

test.each([
  ['s3://shop-files/a/b/', {}, 'https://shop-files.s3.us-east-1.amazonaws.com', 'a/b/'],
  ['s3://shop.files?region=eu-west-1', {}, 'https://s3.eu-west-1.amazonaws.com/shop.files', ''],
  ['s3://shop', { AWS_REGION: 'eu-north-1' }, 'https://shop.s3.eu-north-1.amazonaws.com', ''],
  ['s3://shop/x?endpoint=https://minio:9000/', {}, 'https://minio:9000/shop', 'x/'],
])('%s %o', (url, env, bucketUrl, prefix) => {
  expect(parseS3Url(url, env)).toMatchObject({ bucketUrl, prefix })
})

test('credentials are those of the URL, else of the environment', () => {
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' }
  expect(parseS3Url('s3://shop', env).credentials).toEqual({
    accessKeyId: 'id',
    secretAccessKey: 'secret',
    sessionToken: 'token',
  })
  expect(parseS3Url('s3://k:s%2Fx@shop', env).credentials).toEqual({
    accessKeyId: 'k',
    secretAccessKey: 's/x',
  })
  expect(parseS3Url('s3://k:s@shop/x', env).location).toBe('s3://shop/x')
})

test('without a key in URL or environment, a profile of the machine is used', async () => {
  await using aws = await startAws()
  aws.createBucket('payloads')
  const folder = mkdtempSync(join(tmpdir(), 'lovage-aws-'))
  const file = join(folder, 'credentials')
  writeFileSync(file, '[default]\naws_access_key_id = key\naws_secret_access_key = secret\n')
  vi.stubEnv('AWS_ACCESS_KEY_ID', '')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  try {
    const store = await openS3PayloadStore(`s3://payloads?endpoint=http://${aws.host}`)
    await store.put([{ key: 'kept/one', bytes: Buffer.from('1') }])
    expect(String(await store.get('kept/one', 10))).toBe('1')
  } finally {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  }
})

test.each([
  ['s3://', 'names no bucket'],
  ['s3://k@shop', 'both the access key and its secret'],
  ['s3://shop?expire=1', 'unknown parameter, expire'],
  ['s3://shop?expiry=1', 'expiry other than lifecycle'],
  ['s3://shop?endpoint=minio', 'not an http:// or https:// URL'],
])('%s is refused', async (url, said) => {
  await expect(openS3PayloadStore(url)).rejects.toThrow(said)
})

test('a missing bucket is an error, not an empty store', async () => {
  await using aws = await startAws()
  const store = await openS3PayloadStore(`s3://key:secret@nowhere?endpoint=http://${aws.host}`)
  const failed = { code: 'LVG_PAYLOAD_STORE_FAILED', message: expect.stringMatching(/NoSuchBucket/) }
  await expect(store.put([{ key: 'kept/one', bytes: Buffer.from('1') }])).rejects.toMatchObject(failed)
  await expect(store.get('kept/one', 10)).rejects.toMatchObject(failed)
})

test.each([
  [403, 'AccessDenied', 'Access Denied', /Grant s3:PutObject/],
  [400, 'ExpiredToken', 'The provided token has expired.', /Renew the credentials/],
  [403, 'SignatureDoesNotMatch', 'The signature does not match.', /Correct the access key/],
  [301, 'PermanentRedirect', 'Use the endpoint of the region.', /region/],
])('%i %s is one clear line', async (status, code, message, hint) => {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const store = await openS3PayloadStore(`s3://key:secret@shop?endpoint=http://127.0.0.1:${port}`)
  await expect(store.put([{ key: 'kept/one', bytes: Buffer.from('1') }])).rejects.toMatchObject({
    message: `The store of large payloads, s3://shop, cannot be used: ${code}: ${message}`,
    hint: expect.stringMatching(hint),
  })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
