import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Lovage } from 'lovage'
import { onCrashPoint, startTestWorker, until } from 'lovage/testing'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore, silent } from '../every-store.js'
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../servers.js'

const settings = { env: {}, logger: silent, workerShutdownTimeout: 1 }
const keysOf = async (app: Lovage) => (await coreOf(app).coordination()).list('unique')

// A message in memory dies with its producer.
describe.each(everyStore('pending').filter(([name]) => name !== 'memory'))('on %s', (_name, freshUrl) => {
  test('a call is sent although one with its key died between key and publication', async () => {
    const broker = await freshUrl()
    await using app = new Lovage('guards', { broker, ...settings })
    const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })
    const env = { ...process.env, LOVAGE_CRASH_POINT: 'guard:before-publish#1' }
    const producer = fork(join(import.meta.dirname, 'member.mjs'), ['sync', broker], { env })
    expect((await once(producer, 'exit'))[1]).toBe('SIGKILL')
    expect(await keysOf(app)).toHaveLength(1)
    const beforeMs = Date.now()
    const [one, other] = await Promise.all([sync.delay(), sync.delay()])
    expect(Date.now() - beforeMs).toBeLessThan(15_000)
    expect(other.id).toBe(one.id)
    await using _worker = await startTestWorker(app)
    expect(await one.get({ timeout: 20 })).toBe('ran')
  })
})

let postgres: PostgresServer
let redis: RedisServer
let count = 0

beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres(), startRedis()])
})
afterAll(async () => {
  await Promise.all([postgres?.stop(), redis?.stop()])
})

describe.each(['PostgreSQL', 'an outbox before Redis'])('in a transaction, with %s', (where) => {
  let app: Lovage
  let client: pg.Client
  let database: string
  beforeEach(async () => {
    database = await postgres.createDatabase(`guarded_${++count}`)
    const stores =
      where === 'PostgreSQL'
        ? { broker: database }
        : { broker: `${redis.url}/${count % 16}`, outboxUrl: database }
    app = new Lovage('guards', { ...stores, ...settings })
    client = new pg.Client(database)
    await client.connect()
  })
  afterEach(async () => {
    onCrashPoint(undefined)
    await client.end()
    await app.close()
  })

  test('a unique call that is rolled back keeps no other from running', async () => {
    const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })
    await using _worker = await startTestWorker(app)
    await client.query('BEGIN')
    const first = await sync.applyAsync([], { transaction: client })
    const second = await sync.delay()
    await client.query('ROLLBACK')
    expect(second.id).not.toBe(first.id)
    expect(await second.get({ timeout: 20 })).toBe('ran')
    await until(async () => (await keysOf(app)).length === 0)
  })

  test('one that is committed holds its key for its time, as does each that meets it', async () => {
    const sync = app.task({ name: 'sync', unique: { for: 600 }, run: () => 'ran' })
    const once = app.task({ name: 'once', throttle: 600, run: () => 'ran' })
    for (const task of [sync, once]) {
      await client.query('BEGIN')
      const [first, again] = await task.applyAsyncMany([{ args: [] }, { args: [] }], { transaction: client })
      expect(again?.id).toBe(first?.id)
      expect((await task.applyAsync([], { transaction: client })).id).toBe(first?.id)
      await client.query('COMMIT')
      await until(async () => {
        const held = (await keysOf(app)).find(({ key }) => key.startsWith(task.name))
        return (
          held !== undefined &&
          !held.value.endsWith('pending') &&
          (held.expiresMs ?? 0) > Date.now() + 500_000
        )
      })
      expect((await task.delay()).id).toBe(first?.id)
      await client.query('BEGIN')
      expect((await task.applyAsync([], { transaction: client })).id).toBe(first?.id)
      await client.query('ROLLBACK')
    }
    await using _worker = await startTestWorker(app)
    await until(async () => (await keysOf(app)).length === 1)
  })

  test('two transactions wait for each other neither with one key nor with several', async () => {
    const sync = app.task({ name: 'sync', unique: true, run: (_ctx, part: string) => part })
    const other = new pg.Client(database)
    await other.connect()
    await client.query('BEGIN')
    await other.query('BEGIN')
    const a = await sync.applyAsync(['a'], { transaction: client })
    const b = await sync.applyAsync(['b'], { transaction: other })
    const a2 = await sync.applyAsync(['a'], { transaction: other })
    const b2 = await sync.applyAsync(['b'], { transaction: client })
    await client.query('COMMIT')
    await other.query('COMMIT')
    await other.end()
    await using _worker = await startTestWorker(app)
    for (const [result, part] of [
      [a, 'a'],
      [b, 'b'],
      [a2, 'a'],
      [b2, 'b'],
    ] as const)
      expect(await result.get({ timeout: 20 })).toBe(part)
    await until(async () => (await keysOf(app)).length === 0)
  })

  test('a transaction may make thousands of unique calls, at any level of isolation', async () => {
    const sync = app.task({ name: 'sync', unique: true, run: (_ctx, n: number) => n })
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT 1')
    const calls = Array.from({ length: 12_000 }, (_, n) => ({ args: [n] as const }))
    const sent = await sync.applyAsyncMany(calls, { transaction: client })
    await client.query('SAVEPOINT here')
    await sync.applyAsync([-1], { transaction: client })
    await client.query('ROLLBACK TO here')
    await client.query('COMMIT')
    await until(
      async () => (await keysOf(app)).filter(({ value }) => !value.endsWith('pending')).length === 12_000,
      { timeoutMs: 25_000 },
    )
    expect((await sync.delay(7)).id).toBe(sent[7]?.id)
    const ids = new Set(sent.map(({ id }) => id))
    expect(ids.has((await sync.delay(-1)).id)).toBe(false)
  })

  test('one that is rolled back to a savepoint is no duplicate of the next in its transaction', async () => {
    const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })
    await client.query('BEGIN')
    await client.query('SAVEPOINT here')
    const dropped = await sync.applyAsync([], { transaction: client })
    await client.query('ROLLBACK TO here')
    const kept = await sync.applyAsync([], { transaction: client })
    expect(kept.id).not.toBe(dropped.id)
    // Without waiting for each other, too.
    const both = await Promise.all([
      sync.applyAsync([], { transaction: client }),
      sync.applyAsync([], { transaction: client }),
    ])
    expect(both.map(({ id }) => id)).toEqual([kept.id, kept.id])
    await client.query('COMMIT')
    await using _worker = await startTestWorker(app)
    expect(await kept.get({ timeout: 20 })).toBe('ran')
  })

  test.runIf(where === 'PostgreSQL')('an open transaction holds up no call with another key', async () => {
    const sync = app.task({ name: 'sync', unique: { key: String }, run: (_ctx, n: number) => n })
    await sync.delay(-1)
    // Keys of one hash in 1024.
    const bucket = "hashtext('unique sync:' || n) & 1023"
    const { rows } = await client.query<{ ns: number[] }>(
      `SELECT array_agg(n) AS ns FROM generate_series(0, 9999) AS n GROUP BY ${bucket} HAVING count(*) > 3 LIMIT 1`,
    )
    const [mine, theirs, other] = rows[0]?.ns ?? []
    if (mine === undefined || theirs === undefined || other === undefined) throw new Error('no such keys')
    await client.query('BEGIN')
    await sync.applyAsync([mine], { transaction: client })
    const sent = await sync.delay(theirs)
    // It has its key: it did not go without, after a wait.
    expect((await keysOf(app)).map(({ key }) => key)).toContain(`sync:${theirs}`)
    expect((await sync.delay(theirs)).id).toBe(sent.id)
    await client.query('COMMIT')
    expect((await sync.delay(other)).id).not.toBe(sent.id)
  })

  test('a call that fails leaves no key in a transaction that is committed all the same', async () => {
    const sync = app.task({
      name: 'sync',
      unique: { key: () => 'one' },
      run: (_ctx, _what: unknown) => 'ran',
    })
    await client.query('BEGIN')
    await expect(sync.applyAsync([() => {}], { transaction: client })).rejects.toMatchObject({
      code: 'LVG_MESSAGE_UNSERIALISABLE',
    })
    await client.query('COMMIT')
    expect(await keysOf(app)).toEqual([])
  })

  test.each(['keepLatest', 'debounce'] as const)('%s counts a call once it is committed', async (guard) => {
    const ran: string[] = []
    const options =
      guard === 'debounce' ? { debounce: { seconds: 1, key: () => 'k' } } : { keepLatest: { key: () => 'k' } }
    const note = app.task({ name: 'note', ...options, run: (_ctx, text: string) => void ran.push(text) })
    const early = await note.delay('early')
    await client.query('BEGIN')
    await note.applyAsync(['never'], { transaction: client })
    await client.query('ROLLBACK')
    const worker = await startTestWorker(app)
    await early.get({ timeout: 20 })
    await worker.stop()
    const replaced = await note.delay('replaced')
    await client.query('BEGIN')
    await note.applyAsync(['last'], { transaction: client })
    await client.query('COMMIT')
    if (where !== 'PostgreSQL')
      await until(
        async () =>
          (
            await postgres.sql('select count(*) from lovage_outbox', new URL(database).pathname.slice(1))
          )[0] === '0',
      )
    await using _worker = await startTestWorker(app)
    await expect(replaced.get({ timeout: 20 })).rejects.toThrow('superseded')
    await until(() => ran.length === 2, { timeoutMs: 20_000 })
    expect(ran).toEqual(['early', 'last'])
  })
})
