import { randomUUID } from 'node:crypto'
import { webhooks } from '@lovage/webhooks'
import { Lovage } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { openStore } from '../../packages/webhooks/src/store/index.js'
import { runPython, startPostgres, startRedis } from '../servers.js'
import { Receiver } from './receiver.js'
import { FAST } from './set-up.js'

const server = await startPostgres()
afterAll(() => server.stop())
const KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`

async function database(): Promise<string> {
  const name = `d_${randomUUID().replaceAll('-', '')}`
  await server.sql(`CREATE DATABASE ${name}`)
  return server.url(name)
}

test('an event of a transaction of the caller’s is delivered when it is committed, and never when it is undone', async () => {
  const store = await database()
  await using receiver = await Receiver.start()
  await using app = createTestApp('hooks')
  const hooks = webhooks(app, { ...FAST, store, encryptionKeys: KEYS })
  await using _worker = await startTestWorker(app)
  await hooks.endpoints.create({ url: receiver.url })
  const client = new pg.Client(store)
  await client.connect()
  await client.query('CREATE TABLE orders (id text)')
  for (const [id, end] of [
    ['undone', 'ROLLBACK'],
    ['done', 'COMMIT'],
  ] as const) {
    await client.query('BEGIN')
    await client.query('INSERT INTO orders VALUES ($1)', [id])
    await hooks.send({ type: 'order.paid', data: { id } }, { id, transaction: client })
    expect((await hooks.events.list()).items).toEqual([])
    await client.query(end)
  }
  await receiver.has(1)
  expect(receiver.seen[0]?.headers['webhook-id']).toBe('done')
  const [delivery] = (await hooks.deliveries.list()).items
  await until(async () => (await hooks.deliveries.get(delivery?.id ?? '')).state === 'success')
  expect(receiver.seen).toHaveLength(1)
  await client.end()
  await hooks.close()
})

test('bodies and attempts of old days go with their partitions, whole', async () => {
  const url = await database()
  const day = 86_400_000
  const now = Date.UTC(2026, 2, 1, 12)
  await (await openStore(url, { now: () => now })).close()
  const store = await openStore(url, { now: () => now })
  const partitions = async () =>
    (
      await server.sql(
        "SELECT relname FROM pg_class WHERE relname ~ '_d[0-9]+$' AND relkind = 'r' ORDER BY 1",
        new URL(url).pathname.slice(1),
      )
    ).map(String)
  const before = await partitions()
  expect(before).toHaveLength(2 * 16)
  await store.events.insert([
    {
      id: 'a',
      tenant: 't',
      type: 'x',
      orderingKey: null,
      dedupKey: null,
      body: Buffer.from('{}'),
      createdAtMs: now,
      endpointIds: null,
    },
  ])
  const later = now + 91 * day
  const removed = await store.cleanup(later - 90 * day, later)
  expect(removed).toMatchObject({ events: 1 })
  expect(removed.partitions.length).toBeGreaterThanOrEqual(4)
  const after = await partitions()
  for (const name of removed.partitions) expect(after).not.toContain(name)
  expect(after).toContain(`lovage_webhook_bodies_d${Math.floor(later / day)}`)
  expect((await store.cleanup(later - 90 * day, later)).partitions).toEqual([])
  await store.close()
})

test('a producer in Python calls webhooks.deliver_event on Redis, and gets its result', {
  timeout: 60_000,
}, async () => {
  const store = await database()
  await using redis = await startRedis()
  const broker = `${redis.url}/0`
  await using receiver = await Receiver.start()
  await using app = new Lovage('hooks', { broker, resultBackend: broker, env: {} })
  const hooks = webhooks(app, { ...FAST, store, encryptionKeys: KEYS })
  await using _worker = await startTestWorker(app)
  const { endpoint } = await hooks.endpoints.create({ url: receiver.url, tenant: 'partner' })
  const data = {
    event: 'file.uploaded',
    partner_id: 'p-1',
    data: { name: 'ü.csv', rows: 12 },
    timestamp: '2026-01-01T00:00:00Z',
  }
  const output = await runPython(`
import json
from celery import Celery
app = Celery(broker='${broker}', backend='${broker}')
data = json.loads(${JSON.stringify(JSON.stringify(data))})
named = app.send_task('webhooks.deliver_event', kwargs={'webhook_id': '${endpoint.id}', 'event_data': data})
placed = app.send_task('webhooks.deliver_event', args=('${endpoint.id}', data))
print(json.dumps([named.get(timeout=10)['state'], placed.get(timeout=10)['state']]))
`)
  expect(JSON.parse(output)).toEqual(['success', 'success'])
  expect(receiver.seen.map(({ body }) => JSON.parse(body.toString()))).toEqual([data, data])
  await hooks.close()
})

test('a producer is done when its event is stored and its task published, whatever the receiver does', async () => {
  const store = await database()
  await using app = createTestApp('hooks')
  const hooks = webhooks(app, { ...FAST, store, encryptionKeys: KEYS })
  await hooks.endpoints.create({ url: 'http://127.0.0.1:1/' })
  await hooks.send({ type: 'order.paid', data: {} })
  const times: number[] = []
  for (let at = 0; at < 20; at++) {
    const begin = performance.now()
    await hooks.send({ type: 'order.paid', data: { at } })
    times.push(performance.now() - begin)
  }
  expect(times.sort((a, b) => a - b)[10]).toBeLessThan(50)
  await hooks.close()
})
