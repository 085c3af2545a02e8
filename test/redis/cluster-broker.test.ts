import { Redis } from 'ioredis'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openRedisBroker } from '../../packages/lovage/src/drivers/redis/broker/index.js'
import { ACK, SETTLE } from '../../packages/lovage/src/drivers/redis/broker/scripts.js'
import { startCluster } from '../servers.js'
import { driverOptions } from './fleet.js'

const options = driverOptions()

describeBroker({
  name: 'Redis Cluster',
  async start() {
    const cluster = await startCluster({ appendonly: 'always' })
    const owner = await cluster.ownerOf('{lovage}:')
    const client = new Redis(owner.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
    // It is away while the server restarts.
    client.on('error', () => {})
    return {
      open: () => openRedisBroker(cluster.url(), options),
      async restart() {
        await owner.restart()
        // It waits for the others before it takes commands.
        await cluster.ready()
      },
      publishRaw: async (queue, raw) => void (await client.lpush(`{lovage}:${queue}`, raw)),
      expireLease: async (holder) => void (await client.zadd('{lovage}:lovage:holders', 'XX', 0, holder)),
      openResults: () => openResultBackend(cluster.url(), options),
      settleTrips: () => ACK.runs + SETTLE.runs,
      async stop() {
        client.disconnect()
        await cluster.stop()
      },
    }
  },
  priorityLevel: (priority) => Math.floor((9 - priority) / 3) * -3,
})
