import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import {
  openBroker,
  openCoordinationStore,
  openResultBackend,
} from '../../packages/lovage/src/drivers/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { hasValkey, startRedis } from '../servers.js'
import { driverOptions } from './fleet.js'

const startValkey = () => startRedis({ program: 'valkey-server', appendonly: 'always' })
const options = driverOptions({ resultExpires: 86_400 })

describe.skipIf(!hasValkey())('on Valkey', () => {
  describeBroker({
    name: 'Valkey',
    async start() {
      const server = await startValkey()
      const client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
      // It is away while the server restarts.
      client.on('error', () => {})
      return {
        open: () => openBroker(server.url, options),
        restart: () => server.restart(),
        publishRaw: async (queue, raw) => void (await client.lpush(queue, raw)),
        expireLease: async (holder) => void (await client.zadd('lovage:holders', 'XX', 0, holder)),
        openResults: () => openResultBackend(server.url, options),
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
      return { open: () => openResultBackend(server.url, options), stop: () => server.stop() }
    },
  })

  describeCoordinationStore({
    name: 'Valkey',
    start: async () => {
      const server = await startValkey()
      return { open: () => openCoordinationStore(server.url, options), stop: () => server.stop() }
    },
  })

  it('the start-up check has nothing to say', async () => {
    await using server = await startValkey()
    const broker = await openBroker(server.url, options)
    expect(await broker.check()).toEqual([])
    await broker.close()
  })
})
