import { type Lovage, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../servers.js'

let server: PostgresServer
let app: Lovage
let client: pg.Client
const ran: unknown[] = []

beforeAll(async () => {
  server = await startPostgres()
  app = createTestApp('shop', { broker: server.url(), backend: server.url() })
  client = new pg.Client(server.url())
  await client.connect()
  await client.query('CREATE TABLE orders (id int PRIMARY KEY)')
})
afterAll(async () => {
  await client?.end()
  await app?.close()
  await server?.stop()
})

test('a task is sent if, and as soon as, the transaction that it was sent in is committed', async () => {
  const ship = app.task({ name: 'ship', run: (_ctx, id: number) => void ran.push(id) })
  const worker = await startWorker(app, {})
  const listener = new pg.Client(server.url())
  await listener.connect()
  let rings = 0
  listener.on('notification', () => rings++)
  await listener.query('LISTEN lovage_messages')
  try {
    await client.query('BEGIN')
    await client.query('INSERT INTO orders VALUES (1)')
    await ship.applyAsync([1], { transaction: client })
    await client.query('ROLLBACK')

    await client.query('BEGIN')
    await client.query('INSERT INTO orders VALUES (2), (3)')
    await Promise.all([2, 3].map((id) => ship.applyAsync([id], { transaction: client })))
    const later = await ship.applyAsync([4], { transaction: client, countdown: 0.2 })
    // Others are sent and run meanwhile.
    expect(await (await ship.delay(9)).get({ timeout: 10_000 })).toBeNull()
    expect(ran).toEqual([9])
    await until(() => rings === 1)
    await client.query('COMMIT')
    await until(() => rings > 1)
    await until(() => ran.length === 3)
    await later.get({ timeout: 10_000 })
    expect(ran).toEqual([9, 2, 3, 4])
  } finally {
    await listener.end()
    await worker.stop()
  }
})

test('a call that cannot be written leaves the transaction to its owner', async () => {
  const ship = app.task({ name: 'ship.any', run: (_ctx, _what: unknown) => {} })
  await client.query('BEGIN')
  await expect(ship.applyAsync([() => 1], { transaction: client })).rejects.toMatchObject({
    code: 'LVG_MESSAGE_UNSERIALISABLE',
  })
  await client.query('INSERT INTO orders VALUES (7)')
  await client.query('COMMIT')
  expect((await client.query('SELECT id FROM orders WHERE id = 7')).rowCount).toBe(1)
})

test('a broker that is no database says that it cannot', async () => {
  const memory = createTestApp('memory')
  const ship = memory.task({ name: 'ship', run: () => {} })
  await expect(ship.applyAsync([], { transaction: client })).rejects.toMatchObject({
    code: 'LVG_CAPABILITY_MISSING',
  })
  await memory.close()
})
