import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { setUpService } from './set-up-service.js'

test('a request with an Idempotency-Key gets one answer, however often it is sent', async () => {
  await using set = await setUpService()
  const { ask } = await set.client()
  const key = { 'idempotency-key': 'order-1' }
  const first = await ask('POST', '/v1/endpoints', { url: 'https://example.com/a' }, key)
  const second = await ask('POST', '/v1/endpoints', { url: 'https://example.com/a' }, key)
  expect(first.status).toBe(201)
  expect(second).toMatchObject({ status: 201, body: first.body })
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect((await ask('GET', '/v1/endpoints')).body.items).toHaveLength(1)

  const other = await ask('POST', '/v1/endpoints', { url: 'https://example.com/b' }, key)
  expect(other).toMatchObject({ status: 422, body: { error: { code: 'LVG_WEBHOOK_IDEMPOTENCY' } } })
  const elsewhere = await ask('POST', '/v1/events', { url: 'https://example.com/a' }, key)
  expect(elsewhere.status).toBe(422)
  // Another tenant's key of the same name is another key.
  const theirs = await (await set.client({ tenant: 'other' })).ask(
    'POST',
    '/v1/endpoints',
    { url: 'https://example.com/b' },
    key,
  )
  expect(theirs.status).toBe(201)
  expect((await ask('POST', '/v1/events', {}, { 'idempotency-key': 'a'.repeat(256) })).status).toBe(400)
})

test('a refused request frees its key; answers are kept encrypted', async () => {
  await using set = await setUpService()
  const { ask } = await set.client()
  const key = { 'idempotency-key': 'k' }
  expect((await ask('POST', '/v1/endpoints', { url: 'ftp://example.com' }, key)).status).toBe(400)
  const made = await ask('POST', '/v1/endpoints', { url: 'https://example.com' }, key)
  expect(made.status).toBe(201)
  const [{ secret } = { secret: '' }] = made.body.secrets as { secret: string }[]
  const kept = await (await set.hooks.store()).documents.list('idempotency', { nowMs: Date.now() })
  expect(kept.items).toHaveLength(1)
  expect(JSON.stringify(kept)).not.toContain(secret.slice(6, 30))
})

test('requests with one key at the same time do their work once', async () => {
  await using set = await setUpService()
  const { ask } = await set.client()
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      ask('POST', '/v1/events', { type: 'a.b', data: { n: 1 } }, { 'idempotency-key': 'k' }),
    ),
  )
  expect(answers.filter(({ status }) => status !== 202 && status !== 409)).toEqual([])
  const refused = answers.find(({ status }) => status === 409)
  if (refused) expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await ask('GET', '/v1/events')).body.items).toHaveLength(1)
})

test('a service that is killed between work and answer gives the repeated request what it had made', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-'))
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<Served> => {
    const child = fork(new URL('./service.mjs', import.meta.url), {
      env: {
        ...process.env,
        BROKER: `sqlite://${join(folder, 'broker.db')}`,
        STORE: `sqlite://${join(folder, 'webhooks.db')}`,
        ...env,
      },
    })
    const [{ url, key }] = (await once(child, 'message')) as [{ url: string; key: string }]
    return { child, url, key }
  }
  const post = async ({ url, key }: Served, path: string, body: object) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': path,
      },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const children: ChildProcess[] = []
  /** The request kills the service when its work is done; the same request to the next service is answered. */
  const postTwice = async (path: string, body: object) => {
    const doomed = await start({ LOVAGE_CRASH_POINT: 'webhook:after-work' })
    const dead = once(doomed.child, 'exit')
    await expect(post(doomed, path, body)).rejects.toThrow()
    expect(await dead).toEqual([null, 'SIGKILL'])
    const next = await start()
    children.push(next.child)
    let answer = await post(next, path, body)
    await until(async () => {
      if (answer.status === 409) answer = await post(next, path, body)
      return answer.status !== 409
    })
    return { answer, list: async (of: string) => listed(next, of) }
  }
  try {
    const endpoint = await postTwice('/v1/endpoints', { url: 'https://example.com/a' })
    expect(endpoint.answer.status).toBe(201)
    const { endpoint: made, secrets } = endpoint.answer.body as {
      endpoint: { id: string }
      secrets: { secret: string }[]
    }
    expect(await endpoint.list('/v1/endpoints')).toMatchObject([{ id: made.id }])
    expect(secrets[0]?.secret).toMatch(/^whsec_/)

    const secret = await postTwice(`/v1/endpoints/${made.id}/secrets`, {})
    expect(secret.answer.status).toBe(201)
    expect(secret.answer.body.secret).toMatch(/^whsec_/)
    expect(await secret.list(`/v1/endpoints/${made.id}/secrets`)).toHaveLength(2)

    const event = await postTwice('/v1/events', { type: 'order.paid', data: { id: 'o_1' } })
    expect(event.answer.status).toBe(202)
    expect(await event.list('/v1/events')).toHaveLength(1)
    expect(await event.list('/v1/deliveries')).toMatchObject([
      { id: (event.answer.body.deliveryIds as string[])[0] },
    ])
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
})

interface Served {
  readonly child: ChildProcess
  readonly url: string
  readonly key: string
}

async function listed({ url, key }: Served, path: string): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } })
  return ((await response.json()) as { items: Record<string, unknown>[] }).items
}
