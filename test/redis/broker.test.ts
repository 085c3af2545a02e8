import { Redis } from 'ioredis'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openRedisBroker } from '../../packages/lovage/src/drivers/redis/broker/index.js'
import { ACK, SETTLE } from '../../packages/lovage/src/drivers/redis/broker/scripts.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { startRedis } from '../servers.js'

const options = { settings: {}, clock: systemClock, logger: silentLogger }

describeBroker({
  name: 'redis',
  async start() {
    const server = await startRedis({ appendonly: 'always' })
    const client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
    // It is away while the server restarts.
    client.on('error', () => {})
    return {
      open: () => openRedisBroker(server.url, options),
      restart: () => server.restart(),
      async interrupt() {
        await server.kill()
        // Longer than the pause between two looks of a consumer.
        await new Promise((resolve) => setTimeout(resolve, 2000))
        await server.restart()
      },
      publishRaw: async (queue, raw) => void (await client.lpush(queue, raw)),
      expireLease: async (holder) => void (await client.zadd('lovage:holders', 'XX', 0, holder)),
      openResults: () => openResultBackend(server.url, options),
      settleTrips: () => ACK.runs + SETTLE.runs,
      async stop() {
        client.disconnect()
        await server.stop()
      },
    }
  },
  priorityLevel: (priority) => Math.floor((9 - priority) / 3) * -3,
})
