import { type Lovage, startWorker } from 'lovage'
import { createTestApp, onCrashPoint, until } from 'lovage/testing'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../servers.js'

let postgres: PostgresServer
let redis: RedisServer
let client: pg.Client
let app: Lovage

beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendonly: 'always' })])
  client = new pg.Client(postgres.url())
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await postgres?.stop()
  await redis?.stop()
})
beforeEach(() => {
  app = createTestApp('shop', { broker: redis.url, backend: redis.url, outboxUrl: postgres.url() })
})
afterEach(async () => {
  onCrashPoint(undefined)
  await app.close()
})

const waiting = async (queue: string) => (await (await coreOf(app).broker()).depths([queue])).get(queue)
/** Without those that were set aside. */
const inOutbox = async () =>
  Number((await postgres.sql('select count(*) from lovage_outbox where error is null'))[0])

test('a task in a transaction comes to Redis if, and as soon as, that is committed', async () => {
  // The relay never looks by itself: only the commit can wake it.
  vi.useFakeTimers({ toFake: ['setInterval'] })
  await coreOf(app).broker()
  vi.useRealTimers()
  const ship = app.task({ name: 'ship', queue: 'ship', run: (_ctx, id: number) => id * 2 })
  await client.query('BEGIN')
  await ship.applyAsync([1], { transaction: client })
  await client.query('ROLLBACK')
  await client.query('BEGIN')
  const sent = await Promise.all(
    [2, 3].map((id) => ship.applyAsync([id], { transaction: client, priority: 3 })),
  )
  expect(await waiting('ship')).toMatchObject({ ready: 0 })
  await client.query('COMMIT')
  // Relayed by this process, which has sent them; no worker is there yet.
  await until(async () => (await waiting('ship'))?.ready === 2)
  expect(await inOutbox()).toBe(0)
  const worker = await startWorker(app, { queues: ['ship'] })
  expect(await Promise.all(sent.map((result) => result.get({ timeout: 10 })))).toEqual([4, 6])
  await worker.stop()
})

test('Redis may be away when the task is sent, and the sender be gone when it is back', async () => {
  const sender = createTestApp('shop', { broker: redis.url, backend: redis.url, outboxUrl: postgres.url() })
  const late = sender.task({ name: 'late', queue: 'late', run: () => 'done' })
  await redis.kill()
  await client.query('BEGIN')
  const { id } = await late.applyAsync([], { transaction: client })
  await client.query('COMMIT')
  await sender.close()
  expect(await inOutbox()).toBe(1)
  await redis.start()
  app.task({ name: 'late', queue: 'late', run: () => 'done' })
  const worker = await startWorker(app, { queues: ['late'] })
  expect(await app.asyncResult(id).get({ timeout: 10 })).toBe('done')
  await worker.stop()
})

test('a relay that dies after publishing publishes nothing twice on Redis', async () => {
  const twice = app.task({ name: 'twice', queue: 'twice', run: () => {} })
  let deaths = 0
  onCrashPoint((point) => {
    if (point !== 'publish:after' || ++deaths > 2) return
    throw new Error('the relay was undone here')
  })
  // The point is passed by the sender too; its own transaction does not care.
  await client.query('BEGIN')
  await expect(twice.applyAsync([], { transaction: client })).rejects.toThrow('the relay was undone here')
  await client.query('COMMIT')
  await until(async () => (await inOutbox()) === 0, { timeoutMs: 10_000 })
  expect(deaths).toBeGreaterThan(2)
  expect(await waiting('twice')).toMatchObject({ ready: 1 })
})

test('what cannot be published stays there with the reason, and holds up nobody', async () => {
  const good = app.task({ name: 'good', queue: 'good', run: () => {} })
  const bad = app.task({ name: 'bad', exchange: 'nowhere', routingKey: 'nothing', run: () => {} })
  await client.query('BEGIN')
  await bad.applyAsync([], { transaction: client })
  await good.applyAsync([], { transaction: client })
  await client.query('COMMIT')
  await until(async () => (await waiting('good'))?.ready === 1)
  await until(async () => (await postgres.sql('select error from lovage_outbox')).length === 1)
  expect(await postgres.sql('select error from lovage_outbox')).toEqual([
    expect.stringContaining('No queue is bound'),
  ])
})

test('the relay goes on when its database has been killed', async () => {
  const after = app.task({ name: 'after', queue: 'after', run: () => {} })
  const send = async (): Promise<void> => {
    await client.query('BEGIN')
    await after.applyAsync([], { transaction: client })
    await client.query('COMMIT')
  }
  await send()
  await until(async () => (await waiting('after'))?.ready === 1)
  client.on('error', () => {})
  await postgres.restart()
  client = new pg.Client(postgres.url())
  await client.connect()
  await send()
  await until(async () => (await waiting('after'))?.ready === 2, { timeoutMs: 15_000 })
  // It is removed after it was sent.
  await until(async () => (await inOutbox()) === 0)
})
