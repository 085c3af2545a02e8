import { Redis } from 'ioredis'
import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { silent } from '../every-store.js'
import { freePort, MASTER_NAME, type SentinelGroup, startRedis, startSentinelGroup } from '../servers.js'
import { TwoWorkers } from './two-workers.js'

const PASSWORD = 'hunter2'
const SENTINEL_PASSWORD = 's3ntinel'
const TASKS = 2_000
const PATIENCE = { timeoutMs: 150_000 }

const OPTIONS = {
  master_name: MASTER_NAME,
  sentinel_kwargs: { password: SENTINEL_PASSWORD },
} as const

const openApp = (broker: string, over: Readonly<Record<string, unknown>> = {}): Lovage =>
  new Lovage('shop', {
    broker,
    brokerTransportOptions: OPTIONS,
    brokerLease: 3,
    env: {},
    logger: silent,
    ...over,
  })

describe('a fleet behind Sentinels', { timeout: 400_000 }, () => {
  let group: SentinelGroup
  beforeAll(async () => {
    group = await startSentinelGroup({ password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD })
  }, 150_000)
  afterAll(async () => {
    await group?.[Symbol.asyncDispose]()
  })

  it('goes on by itself when roles change, and when the primary is killed under load: what a replica had is done', async () => {
    // One that is down is passed over.
    const url = `sentinel://:${PASSWORD}@127.0.0.1:${await freePort()}/0;${group.url}`
    await using producer = openApp(url)
    const workers = await TwoWorkers.start(() => openApp(url))
    const { ran } = workers
    const first = await group.primary()
    await group.failOver()
    const former = new Redis(first.url)
    // Until then it takes what it will forget.
    await until(async () => (await former.info('replication')).includes('role:slave'), PATIENCE)
    former.disconnect()
    const moved = await producer.sendTask('work', { args: [-1] })
    expect(await moved.get({ timeout: 150 })).toBe(-1)

    const before = await group.primary()
    const client = new Redis(before.url)
    // The one that gave up the role has everything by now.
    await until(async () => (await client.info('replication')).includes('state=online'), PATIENCE)
    const sent = await Promise.all(
      Array.from({ length: TASKS }, (_, n) => producer.sendTask('work', { args: [n] })),
    )
    // Replication is asynchronous: only from here on is it sure that the replica has all that was sent.
    expect(await client.wait(1, 60_000)).toBe(1)
    client.disconnect()
    const watched = sent[TASKS - 1]?.get({ timeout: 150 })
    await before.kill()
    expect(await watched).toBe(TASKS - 1)
    await until(() => ran.size === TASKS + 1, PATIENCE)

    const after = await group.primary()
    expect(after).toBe(first)
    const late = await producer.sendTask('work', { args: [-2] })
    expect(await late.get({ timeout: 150 })).toBe(-2)
    const now = new Redis(after.url)
    await until(async () => (await now.llen('celery')) + (await now.hlen('unacked')) === 0, PATIENCE)
    now.disconnect()
    await workers.stop()
  })

  it.each([
    [
      'a name that no Sentinel knows',
      { ...OPTIONS, master_name: 'store' },
      'LVG_CONNECTION_REFUSED',
      /No such master/,
    ],
    [
      'a wrong password of the Sentinels',
      { ...OPTIONS, sentinel_kwargs: { password: 'wr0ng' } },
      'LVG_CONNECTION_REFUSED',
      /WRONGPASS/,
    ],
    [
      'more Sentinels than there are',
      { ...OPTIONS, min_other_sentinels: 7 },
      'LVG_CONNECTION_FAILED',
      /sees 2 other/,
    ],
  ])('says in one error that it was given %s', async (_what, options, code, words) => {
    await using app = openApp(group.url, { brokerTransportOptions: options, taskPublishRetry: false })
    const error = await app.sendTask('work').then(String, (thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'ConnectionError', code, message: expect.stringMatching(words) })
    expect(String(error)).not.toContain('wr0ng')
  })
})

describe('a sentinel:// URL', () => {
  it.each([
    ['without the name of the primary', 'sentinel://:secret@h:1/0', undefined],
    ['whose parts name two databases', 'sentinel://:secret@h:1/0;sentinel://h2:1/3', { master_name: 'shop' }],
    ['with a part that is none', 'sentinel://:secret@h:1/0;redis://h2:1', { master_name: 'shop' }],
  ])('%s is refused without showing its password', async (_what, url, options) => {
    const connect = async () =>
      coreOf(
        new Lovage('shop', {
          broker: url,
          ...(options ? { brokerTransportOptions: options } : {}),
          env: {},
          logger: silent,
        }),
      ).broker()
    await expect(connect()).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      message: expect.not.stringContaining('secret'),
    })
  })

  it('fails soon, in one error, when no Sentinel answers', async () => {
    const port = await freePort()
    await using app = openApp(`sentinel://127.0.0.1:${port}`, { taskPublishRetry: false })
    await expect(app.sendTask('work')).rejects.toMatchObject({
      code: 'LVG_CONNECTION_FAILED',
      message: expect.stringContaining(`127.0.0.1:${port}: connect ECONNREFUSED`),
    })
  })
})

describe('a server that has lost its replicas', () => {
  it('gets the acknowledgements that it refused when it takes writes again', async () => {
    await using server = await startRedis()
    const client = new Redis(server.url)
    const complaints: string[] = []
    const logger = {
      ...silent,
      error: (fields: { err?: Error }) => void complaints.push(String(fields.err?.message)),
    }
    await using app = new Lovage('shop', {
      broker: server.url,
      env: {},
      logger: { ...logger, child: () => logger },
    })
    let release: (value?: unknown) => void = () => {}
    const held = new Promise((resolve) => {
      release = resolve
    })
    app.task({ name: 'work', run: () => held.then(() => 'done') })
    await using worker = await startTestWorker(app)
    const result = await app.sendTask('work')
    await until(async () => (await client.hlen('unacked')) === 1, PATIENCE)
    await client.config('SET', 'min-replicas-to-write', 1)
    release()
    await until(() => complaints.some((words) => words.includes('too few replicas')), PATIENCE)
    // Sweep, claim and settlement are refused for the same reason, and each says so.
    await until(() => complaints.length >= 3, PATIENCE)
    expect(complaints.filter((words) => !words.includes('too few replicas'))).toEqual([])
    await client.config('SET', 'min-replicas-to-write', 0)
    expect(await result.get({ timeout: 150 })).toBe('done')
    await until(async () => (await client.hlen('unacked')) === 0, PATIENCE)
    client.disconnect()
    await worker.stop()
  })
})
