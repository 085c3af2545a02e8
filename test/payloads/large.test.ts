import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { chord, group, type Lovage } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import {
  type PostgresServer,
  type RabbitServer,
  type RedisServer,
  startPostgres,
  startRabbit,
  startRedis,
} from '../servers.js'

const LARGE = 'x'.repeat(5000)
let redis: RedisServer
let postgres: PostgresServer
let rabbit: RabbitServer
let folder: string
let count = 0
beforeAll(async () => {
  ;[redis, postgres, rabbit] = await Promise.all([startRedis(), startPostgres(), startRabbit()])
}, 120_000)
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), rabbit?.stop()])
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-large-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const urls: Readonly<Record<string, () => Promise<{ broker: string; backend: string }>>> = {
  Redis: async () => ({ broker: `${redis.url}/${++count % 16}`, backend: `${redis.url}/${count % 16}` }),
  PostgreSQL: async () => {
    const url = await postgres.createDatabase(`large_${++count}`)
    return { broker: url, backend: url }
  },
  SQLite: async () => {
    const url = `sqlite://${join(folder, 'queue.db')}`
    return { broker: url, backend: url }
  },
  RabbitMQ: async () => ({ broker: rabbit.url(), backend: 'rpc://' }),
}
const appOn = async (where: string, more: object = {}): Promise<Lovage> =>
  createTestApp('large', {
    ...(await urls[where]?.()),
    taskDefaultQueue: `large-${count}-${where}`,
    largePayloadUrl: String(pathToFileURL(join(folder, 'payloads'))),
    largePayloadBytes: 1000,
    ...more,
  })
/** The payloads in the folder, by day. */
const stored = (): readonly string[] => (existsSync(join(folder, 'payloads')) ? inFolder() : [])
const inFolder = (): readonly string[] =>
  readdirSync(join(folder, 'payloads'))
    .filter((day) => !day.startsWith('.'))
    .flatMap((day) => readdirSync(join(folder, 'payloads', day)).map((name) => `${day}/${name}`))

describe.each(Object.keys(urls))('on %s', (where) => {
  test('large arguments and results go round by the store, through retries and canvases; small ones do not', {
    timeout: 60_000,
  }, async () => {
    await using app = await appOn(where)
    const twice = app.task({
      name: 'twice',
      autoretryFor: [RangeError],
      maxRetries: 1,
      retryOptions: { countdown: 0 },
      run(ctx, text: string) {
        if (ctx.retries === 0 && text.startsWith('retry')) throw new RangeError('again')
        return text + text
      },
    })
    const sizes = app.task({
      name: 'sizes',
      run: (_ctx, texts: string[]) => texts.map(({ length }) => length),
    })
    await using _worker = await startTestWorker(app)
    const answer = async (sent: { get(options: { timeout: number }): Promise<unknown> }): Promise<unknown> =>
      sent.get({ timeout: 30 })
    expect(await answer(await twice.delay('small'))).toBe('smallsmall')
    expect(stored()).toEqual([])
    expect(await answer(await twice.delay(LARGE))).toBe(LARGE + LARGE)
    expect(stored()).toHaveLength(2)
    expect(await answer(await twice.delay(`retry${LARGE}`))).toHaveLength(2 * LARGE.length + 10)
    expect(await answer(await twice.s(LARGE).pipe(twice.s()).delay())).toHaveLength(4 * LARGE.length)
    if (where === 'RabbitMQ') return
    const header = group([twice.s(LARGE), twice.s('small'), twice.s(`${LARGE}y`)])
    expect(await answer(await chord(header, sizes.s()).delay())).toEqual([10_000, 10, 10_002])
  })

  test('a dead letter holds the reference, and runs when it is sent again; one without its payload says so', {
    timeout: 60_000,
  }, async () => {
    await using app = await appOn(where)
    let isBroken = true
    const lengths: number[] = []
    const task = app.task({
      name: 'picky',
      deadLetter: 'failures',
      run(_ctx, text: string) {
        if (isBroken) throw new RangeError('not yet')
        lengths.push(text.length)
        return null
      },
    })
    await using worker = await startTestWorker(app)
    const queue = app.conf.taskDefaultQueue
    const letters = async () => (await app.deadLetters.list({ queue })).items
    const { id } = await task.delay(LARGE)
    // Listing takes a queue of RabbitMQ for itself: counting does not.
    await until(async () => (await app.deadLetters.queues()).get(queue) === 1, { timeoutMs: 20_000 })
    const [letter] = await letters()
    expect(letter?.taskId).toBe(id)
    expect(String(letter?.raw).length).toBeLessThan(LARGE.length)
    expect(String(letter?.raw)).toContain('x-lovage-payload')

    isBroken = false
    await app.deadLetters.retry({ queue })
    await until(() => lengths.length === 1, { timeoutMs: 20_000 })
    expect(lengths).toEqual([LARGE.length])
    expect(await letters()).toEqual([])

    await worker.stop('warm')
    const lost = await task.delay(LARGE)
    for (const key of stored()) rmSync(join(folder, 'payloads', key))
    await using _again = await startTestWorker(app)
    await until(async () => (await letters()).length === 1, { timeoutMs: 20_000 })
    expect((await letters())[0]).toMatchObject({
      taskId: lost.id,
      error: { message: expect.stringContaining('is not in file:') },
    })
    await expect(lost.get({ timeout: 20 })).rejects.toThrow('cannot be had')
  })
})

test('while the store is away nothing is lost: a call fails at once, workers wait for what they claimed', {
  timeout: 60_000,
}, async () => {
  await using app = await appOn('Redis')
  const size = app.task({ name: 'size', run: (_ctx, text: string) => text + text })
  const sent = await size.delay(LARGE)
  const [place, aside] = [join(folder, 'payloads'), join(folder, 'aside')]
  renameSync(place, aside)
  writeFileSync(place, 'no folder')
  await expect(size.delay(LARGE)).rejects.toMatchObject({ code: 'LVG_PAYLOAD_STORE_FAILED' })
  expect(await (await coreOf(app).broker()).depths([app.conf.taskDefaultQueue])).toEqual(
    new Map([[app.conf.taskDefaultQueue, { ready: 1, delayed: 0 }]]),
  )
  rmSync(place)
  renameSync(aside, place)
  await using worker = await startTestWorker(app)
  expect(await sent.get({ timeout: 20 })).toHaveLength(2 * LARGE.length)

  // Away while a worker has claimed a message: it keeps it, and goes on with small ones.
  const broker = await coreOf(app).broker()
  await app.control.cancelConsumer(app.conf.taskDefaultQueue)
  const later = await size.delay(LARGE)
  renameSync(place, aside)
  await app.control.addConsumer(app.conf.taskDefaultQueue)
  const held = async () =>
    (await broker.depths([app.conf.taskDefaultQueue], { unacked: true })).get(app.conf.taskDefaultQueue)
      ?.unacked
  await until(async () => (await held()) === 1)
  expect(await (await size.delay('small')).get({ timeout: 20 })).toBe('smallsmall')
  expect(worker.active).toHaveLength(0)
  renameSync(aside, place)
  expect(await later.get({ timeout: 30 })).toHaveLength(2 * LARGE.length)
})

test('a worker that stops hands back what it could not fetch', { timeout: 60_000 }, async () => {
  await using app = await appOn('Redis')
  const size = app.task({ name: 'size', run: (_ctx, text: string) => text.length })
  const sent = await size.delay(LARGE)
  const [place, aside] = [join(folder, 'payloads'), join(folder, 'aside')]
  renameSync(place, aside)
  const queue = app.conf.taskDefaultQueue
  const worker = await startTestWorker(app)
  const broker = await coreOf(app).broker()
  const depth = async () => (await broker.depths([queue], { unacked: true })).get(queue)
  await until(async () => (await depth())?.unacked === 1)
  await worker.stop('warm')
  expect(await depth()).toMatchObject({ ready: 1, unacked: 0 })
  renameSync(aside, place)
  await using _again = await startTestWorker(app)
  expect(await sent.get({ timeout: 20 })).toBe(LARGE.length)
})

test('neither a key that is a path, nor a payload that was changed, nor the reference of another task is followed', {
  timeout: 60_000,
}, async () => {
  await using app = await appOn('Redis')
  const size = app.task({ name: 'size', run: (_ctx, text: string) => text + text })
  const queue = app.conf.taskDefaultQueue
  writeFileSync(join(folder, 'secret'), JSON.stringify([['stolen'], {}, null]))
  const sent = await size.delay(LARGE)
  const client = new Redis(app.conf.brokerUrl ?? '')
  try {
    const message = JSON.parse((await client.lindex(queue, 0)) ?? '')
    const reference = JSON.parse(Buffer.from(message.body, 'base64').toString())
    for (const [id, key] of [
      ['walk', '../secret'],
      ['changed', reference.key],
    ] as const) {
      const body = Buffer.from(JSON.stringify({ ...reference, key, sha256: '0'.repeat(64) })).toString(
        'base64',
      )
      await client.lpush(queue, JSON.stringify({ ...message, headers: { ...message.headers, id }, body }))
    }
    await using _worker = await startTestWorker(app)
    expect(await sent.get({ timeout: 20 })).toHaveLength(2 * LARGE.length)
    await until(async () => (await app.deadLetters.list({ queue })).items.length === 2)
    const errors = (await app.deadLetters.list({ queue })).items.map(({ error }) => error.message).join()
    expect(errors).toContain('its key is not a day and an id')
    expect(errors).toContain('what is there is something else')
    // A record that points to another task's result.
    const record = JSON.parse((await client.get(`celery-task-meta-${sent.id}`)) ?? '')
    await client.set('celery-task-meta-thief', JSON.stringify({ ...record, task_id: 'thief' }))
    await expect(app.asyncResult('thief').get({ timeout: 20 })).rejects.toThrow('belongs to another task')
    // A value that looks like a reference is a value.
    const echo = app.task({ name: 'echo', run: () => record.result })
    expect(await (await echo.delay()).get({ timeout: 20 })).toEqual(record.result)
  } finally {
    client.disconnect()
  }
})
