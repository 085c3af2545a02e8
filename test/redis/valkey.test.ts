import { Redis } from 'ioredis'
import { examine } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { describe, expect, it } from 'vitest'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import {
  openBroker,
  openCoordinationStore,
  openResultBackend,
} from '../../packages/lovage/src/drivers/index.js'
import { parseRedisUrl } from '../../packages/lovage/src/drivers/redis/client/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { hasValkey, type RedisOptions, type RedisServer, startRedis } from '../servers.js'
import { driverOptions } from './fleet.js'

/** Valkey where it is installed; else Redis, whose protocol it speaks, under Valkey's scheme. */
const program = hasValkey() ? 'valkey-server' : 'redis-server'
const valkeyUrl = ({ url }: RedisServer): string => url.replace(/^redis/, 'valkey')
const startValkey = (more: RedisOptions = {}) => startRedis({ program, appendonly: 'always', ...more })
const options = driverOptions({ resultExpires: 86_400 })

describe(`on ${program} by valkey://`, () => {
  describeBroker({
    name: 'Valkey',
    async start() {
      const server = await startValkey()
      const client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
      // It is away while the server restarts.
      client.on('error', () => {})
      return {
        open: () => openBroker(valkeyUrl(server), options),
        restart: () => server.restart(),
        publishRaw: async (queue, raw) => void (await client.lpush(queue, raw)),
        expireLease: async (holder) => void (await client.zadd('lovage:holders', 'XX', 0, holder)),
        openResults: () => openResultBackend(valkeyUrl(server), options),
        async stop() {
          client.disconnect()
          await server.stop()
        },
      }
    },
    priorityLevel: (priority) => Math.floor((9 - priority) / 3) * -3,
  })

  describeJoinStore({
    name: 'Valkey',
    start: async () => {
      const server = await startValkey()
      return { open: () => openResultBackend(valkeyUrl(server), options), stop: () => server.stop() }
    },
  })

  describeCoordinationStore({
    name: 'Valkey',
    start: async () => {
      const server = await startValkey()
      return { open: () => openCoordinationStore(valkeyUrl(server), options), stop: () => server.stop() }
    },
  })

  it('the start-up check has nothing to say', async () => {
    await using server = await startValkey()
    const broker = await openBroker(valkeyUrl(server), options)
    expect(await broker.check()).toEqual([])
    await broker.close()
  })

  it('a task goes round, also over TLS, and the password is in no text', async () => {
    await using server = await startValkey({ tls: true, password: 'canary' })
    const url = `${valkeyUrl(server)}?ssl_ca_certs=${server.caFile}`
    await using app = createTestApp('valkey', { broker: url, backend: url })
    const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
    await using _worker = await startTestWorker(app)
    expect(await (await add.delay(2, 3)).get({ timeout: 20 })).toBe(5)
    const broker = await openBroker(url, options)
    expect(broker.location).toMatch(/^valkeys:\/\/:\*\*@127\.0\.0\.1:/)
    await broker.close()
    const findings = await examine(app)
    expect(findings.filter(({ passed }) => !passed)).toEqual([])
    expect(JSON.stringify(findings)).not.toContain('canary')
  })

  it('a message crosses between the two schemes: they are one server', async () => {
    await using server = await startValkey()
    const [redis, valkey] = [parseRedisUrl(server.url), parseRedisUrl(valkeyUrl(server))]
    expect(valkey.server).toBe(redis.server)
    await using sender = createTestApp('crossing', { broker: server.url, backend: server.url })
    await using app = createTestApp('crossing', { broker: valkeyUrl(server), backend: valkeyUrl(server) })
    app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
    await using _worker = await startTestWorker(app)
    expect(await (await sender.sendTask('add', { args: [1, 2] })).get({ timeout: 20 })).toBe(3)
  })
})

it.each([
  [
    'valkey://me:canary@host:7000/2',
    { host: 'host', port: 7000, db: 2, location: 'valkey://me:**@host:7000/2' },
  ],
  ['valkeys://host', { port: 6379, tls: { verify: true, verifyHost: true } }],
  ['valkey+socket:///run/valkey.sock?virtual_host=3', { path: '/run/valkey.sock', db: 3 }],
  [
    'valkey+cluster://a:1;valkey+cluster://b:2',
    {
      cluster: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    },
  ],
  ['valkeys+cluster://a:1', { cluster: [{ host: 'a', port: 1 }], tls: { verify: true, verifyHost: true } }],
])('%s is read as its Redis counterpart', (url, target) => {
  expect(parseRedisUrl(url)).toMatchObject(target)
})

it('a scheme that neither has is refused, and so are certificates that would encrypt nothing', () => {
  expect(() => parseRedisUrl('valkeyx://host')).toThrow(
    'is not a redis://, rediss://, valkey:// or valkeys:// URL',
  )
  expect(() => parseRedisUrl('valkey://host?ssl_ca_certs=/ca.pem')).toThrow('nothing would be encrypted')
  expect(() => parseRedisUrl('valkey+cluster://a:1;redis+cluster://b:2')).toThrow(
    'is not a valkey+cluster:// URL',
  )
})
