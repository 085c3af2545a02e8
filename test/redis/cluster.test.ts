import { Redis } from 'ioredis'
import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { parseRedisUrl } from '../../packages/lovage/src/drivers/redis/client/index.js'
import { silent } from '../every-store.js'
import { type RedisCluster, startCluster, startRedis } from '../servers.js'
import { TwoWorkers } from './two-workers.js'

const PASSWORD = 'hunter2'
const TASKS = 2_000
const PATIENCE = { timeoutMs: 150_000 }
const openApp = (broker: string, over: Readonly<Record<string, unknown>> = {}): Lovage =>
  new Lovage('shop', { broker, brokerLease: 3, env: {}, logger: silent, ...over })

describe('a fleet on a Redis Cluster', { timeout: 400_000 }, () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster({ password: PASSWORD, replicas: true })
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
  })

  it('goes on by itself when the server with its keys is killed under load, at the replica', async () => {
    const before = await cluster.ownerOf('{lovage}:')
    // Any server leads to the others.
    const url = cluster.url(cluster.servers.filter((server) => server !== before).slice(0, 1))
    await using producer = openApp(url)
    const sent = await Promise.all(
      Array.from({ length: TASKS }, (_, n) => producer.sendTask('work', { args: [n] })),
    )
    const client = new Redis(before.url)
    // Replication is asynchronous: only from here on is it sure that the replica has all that was sent.
    expect(await client.wait(1, 60_000)).toBe(1)
    client.disconnect()
    const workers = await TwoWorkers.start(() => openApp(url))
    const { ran } = workers
    await until(() => ran.size > TASKS / 10, PATIENCE)
    const watched = sent[TASKS - 1]?.get({ timeout: 150 })
    await before.kill()
    expect(await watched).toBe(TASKS - 1)
    await until(() => ran.size === TASKS, PATIENCE)
    const after = await cluster.ownerOf('{lovage}:')
    expect(after).not.toBe(before)
    const now = new Redis(after.url)
    await until(
      async () => (await now.llen('{lovage}:celery')) + (await now.hlen('{lovage}:unacked')) === 0,
      PATIENCE,
    )
    now.disconnect()

    // A slot that is moved by hand: MOVED is the first that anybody hears of it.
    await before.start()
    await cluster.ready()
    const returned = new Redis(before.url)
    await returned.call('CLUSTER', 'FAILOVER')
    await until(async () => (await cluster.ownerOf('{lovage}:')) === before, PATIENCE)
    returned.disconnect()
    const late = await producer.sendTask('work', { args: [-1] })
    expect(await late.get({ timeout: 150 })).toBe(-1)
    await workers.stop()
  })

  it('of another app lies under a hash tag of its own, in a slot of another server', async () => {
    const prefix = { global_keyprefix: '{store}:' }
    await using app = openApp(cluster.url(), {
      brokerTransportOptions: prefix,
      resultBackendTransportOptions: prefix,
    })
    app.task({ name: 'double', run: (_ctx, n: number) => n * 2 })
    const worker = await startTestWorker(app)
    expect(await (await app.sendTask('double', { args: [21] })).get({ timeout: 150 })).toBe(42)
    await worker.stop()
    const owner = await cluster.ownerOf('{store}:')
    expect(owner).not.toBe(await cluster.ownerOf('{lovage}:'))
    const client = new Redis(owner.url)
    expect((await client.keys('*')).filter((key) => !key.startsWith('{store}:'))).toEqual([])
    client.disconnect()
  })

  it('is told that a node is no single server, by who checks it', async () => {
    await using app = openApp(cluster.servers[0]?.url ?? '')
    const broker = await coreOf(app).broker()
    await expect(broker.check()).rejects.toMatchObject({
      code: 'LVG_CONFIG_INVALID',
      hint: expect.stringContaining('redis+cluster://'),
    })
  })

  it('is told of a password that is missing', async () => {
    await using app = openApp(cluster.url().replaceAll(`:${PASSWORD}@`, ''), { taskPublishRetry: false })
    await expect(app.sendTask('work')).rejects.toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      message: expect.stringContaining('NOAUTH'),
    })
  })
})

describe('a redis+cluster:// URL', () => {
  it('has a hash tag before every key, by which two targets are one server or not', () => {
    const target = parseRedisUrl('redis+cluster://a:1;redis+cluster://b:2')
    expect(target).toMatchObject({ keyPrefix: '{lovage}:', db: 0, cluster: [{ host: 'a' }, { host: 'b' }] })
    expect(parseRedisUrl('redis+cluster://b:2;redis+cluster://a:1').server).toBe(target.server)
    expect(parseRedisUrl('redis+cluster://a:1;redis+cluster://b:2', { keyPrefix: '{x}' }).server).not.toBe(
      target.server,
    )
    expect(parseRedisUrl('rediss+cluster://a').tls).toMatchObject({ verify: true })
  })

  it.each([
    ['redis+cluster://a/1', undefined],
    ['redis+cluster://a', 'shop:'],
    ['redis+cluster://a', '{}shop:'],
    ['redis+cluster://a;redis://b', undefined],
  ])('is refused as %s with the prefix %s', (url, keyPrefix) => {
    expect(() => parseRedisUrl(url, keyPrefix === undefined ? {} : { keyPrefix })).toThrow(
      expect.objectContaining({ code: 'LVG_CONFIG_INVALID' }),
    )
  })

  it('is refused by a server that is no node of a Cluster', async () => {
    await using server = await startRedis()
    await using app = openApp(server.url.replace('redis:', 'redis+cluster:'), { taskPublishRetry: false })
    await expect(app.sendTask('work')).rejects.toMatchObject({
      code: 'LVG_CONNECTION_REFUSED',
      hint: expect.stringContaining('use redis://'),
    })
  })
})
