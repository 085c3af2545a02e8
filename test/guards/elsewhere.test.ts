import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { silent } from '../every-store.js'
import {
  type PostgresServer,
  type RabbitServer,
  type RedisServer,
  startPostgres,
  startRabbit,
  startRedis,
} from '../servers.js'

vi.setConfig({ testTimeout: 60_000 })
const WITHIN = { timeoutMs: 30_000 }

let redis: RedisServer
let postgres: PostgresServer
let rabbit: RabbitServer
let count = 0

beforeAll(async () => {
  ;[redis, postgres, rabbit] = await Promise.all([startRedis(), startPostgres(), startRabbit()])
}, 120_000)
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), rabbit?.stop()])
})

const onRedis = () => `${redis.url}/${++count % 16}`
const onPostgres = () => postgres.createDatabase(`elsewhere_${++count}`)

/** Where messages are, and where else processes agree. */
const arrangements = [
  ['RabbitMQ, with Redis beside it', () => rabbit.createVhost(`elsewhere-${++count}`), onRedis],
  ['Redis, with PostgreSQL beside it', onRedis, onPostgres],
  ['PostgreSQL, with Redis beside it', onPostgres, onRedis],
] as const

describe.each(arrangements)('on %s', (_name, freshBroker, freshStore) => {
  const apps: Lovage[] = []
  let urls: { readonly broker: string; readonly backend: string; readonly coordinationUrl: string }
  beforeEach(async () => {
    const store = await freshStore()
    urls = { broker: await freshBroker(), backend: store, coordinationUrl: store }
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  /** Another process's view of the same fleet. */
  const openApp = (): Lovage => {
    const app = new Lovage('elsewhere', {
      ...urls,
      brokerNativeDelayedDeliveryQueueType: 'classic',
      env: {},
      logger: silent,
      workerShutdownTimeout: 1,
    })
    apps.push(app)
    return app
  }
  const keysOf = async (app: Lovage) => (await coreOf(app).coordination()).list('unique')

  test('unique and throttled calls meet, from whatever process they are sent', async () => {
    const [app, other] = [openApp(), openApp()]
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const define = (one: Lovage) => ({
      sync: one.task({ name: 'sync', unique: true, run: () => ended }),
      tick: one.task({ name: 'tick', throttle: 600, run: () => 'ran' }),
    })
    const [mine, theirs] = [define(app), define(other)]
    const first = await mine.sync.delay()
    expect((await theirs.sync.delay()).id).toBe(first.id)
    const counted = await mine.tick.delay()
    expect((await theirs.tick.delay()).id).toBe(counted.id)
    await using worker = await startTestWorker(app)
    await until(() => worker.active.some(({ job }) => job.context.id === first.id), WITHIN)
    expect((await theirs.sync.delay()).id).toBe(first.id)
    end()
    await first.get({ timeout: 30 })
    expect((await theirs.sync.delay()).id).not.toBe(first.id)
    expect(await counted.get({ timeout: 30 })).toBe('ran')
    expect((await theirs.tick.delay()).id).toBe(counted.id)
  })

  test('of several calls only the latest runs', async () => {
    const [app, other] = [openApp(), openApp()]
    const ran: string[] = []
    const define = (one: Lovage) =>
      one.task({
        name: 'save',
        keepLatest: { key: () => 'one' },
        run: (_ctx, text: string) => void ran.push(text),
      })
    const [mine, theirs] = [define(app), define(other)]
    const replaced = await mine.delay('first')
    const last = await theirs.delay('last')
    await using _worker = await startTestWorker(app)
    await last.get({ timeout: 30 })
    await expect(replaced.get({ timeout: 30 })).rejects.toThrow('superseded')
    expect(ran).toEqual(['last'])
  })

  test('workers share the rate of a task, and a new one deals anew', async () => {
    const [app, other] = [openApp(), openApp()]
    let ran = 0
    const define = (one: Lovage) =>
      one.task({
        name: 'mail',
        rateLimit: '1/h',
        run: () => {
          ran++
        },
      })
    const mail = define(app)
    define(other)
    const workers = [await startTestWorker(app), await startTestWorker(other)]
    const calls = [await mail.delay(), await mail.delay(), await mail.delay()]
    const throttled = () => workers.reduce((sum, { limits }) => sum + (limits.throttled.get('mail') ?? 0), 0)
    await until(() => ran >= 1 && throttled() >= 2, WITHIN)
    expect(ran).toBe(1)
    await app.control.rateLimit('mail', '1000/s')
    await Promise.all(calls.map((call) => call.get({ timeout: 30 })))
    expect(ran).toBe(3)
    await Promise.all(workers.map((worker) => worker.stop()))
  })

  test('a revoked call is dropped by a worker that starts later, and the next like it is sent at once', async () => {
    const [app, other] = [openApp(), openApp()]
    const ran: string[] = []
    const define = (one: Lovage) =>
      one.task({ name: 'sync', unique: true, run: (ctx) => void ran.push(ctx.id) })
    const [mine, theirs] = [define(app), define(other)]
    const revoked = await mine.delay()
    await other.asyncResult(revoked.id).revoke()
    const next = await theirs.delay()
    expect(next.id).not.toBe(revoked.id)
    await using _worker = await startTestWorker(app)
    await next.get({ timeout: 30 })
    expect(await revoked.state()).toBe('REVOKED')
    expect(ran).toEqual([next.id])
    await until(async () => (await keysOf(app)).length === 0, WITHIN)
  })

  test('a purge frees the keys of what it removes, and no others', async () => {
    const [app, other] = [openApp(), openApp()]
    const define = (one: Lovage) => ({
      sync: one.task({ name: 'sync', unique: { key: String }, run: (_ctx, n: number) => n }),
      elsewhere: one.task({ name: 'elsewhere', queue: 'elsewhere', unique: true, run: () => 'ran' }),
      tick: one.task({ name: 'tick', throttle: 600, run: () => 'ran' }),
    })
    const [mine, theirs] = [define(app), define(other)]
    const sent = await mine.sync.applyAsyncMany(
      Array.from({ length: 700 }, (_, n) => ({ args: [n] as const })),
    )
    const kept = await mine.elsewhere.delay()
    const counted = await mine.tick.delay()
    expect(await other.queues.purge('celery')).toBe(701)
    expect((await keysOf(app)).map(({ key }) => key.split(':')[0])).toEqual(['elsewhere'])
    expect((await theirs.sync.delay(699)).id).not.toBe(sent[699]?.id)
    expect((await theirs.tick.delay()).id).not.toBe(counted.id)
    expect((await theirs.elsewhere.delay()).id).toBe(kept.id)
    expect(await other.queues.purge('celery')).toBe(2)
  })
})
