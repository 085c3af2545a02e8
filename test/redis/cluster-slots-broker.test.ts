import { Redis } from 'ioredis'
import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openRedisBroker } from '../../packages/lovage/src/drivers/redis/broker/index.js'
import { ACK, SETTLE } from '../../packages/lovage/src/drivers/redis/broker/scripts.js'
import { startCluster } from '../servers.js'
import { driverOptions } from './fleet.js'

const options = driverOptions({ brokerTransportOptions: { cluster: 'slot-per-queue' } })

describeBroker({
  name: 'Redis Cluster with a slot per queue',
  async start() {
    const cluster = await startCluster({ appendonly: 'always' })
    const client = new Redis.Cluster(cluster.servers.map(({ port }) => ({ host: '127.0.0.1', port })))
    client.on('error', () => {})
    // The first use of a script on a node takes two round trips: what is sent behind it overtakes it.
    await client.cluster('INFO')
    await Promise.all(client.nodes('master').map((node) => node.script('LOAD', SETTLE.source)))
    return {
      open: () => openRedisBroker(cluster.url(), options),
      async restart() {
        await Promise.all(cluster.servers.map((server) => server.restart()))
        await cluster.ready()
      },
      publishRaw: async (queue, raw) => void (await client.lpush(`{lovage:${queue}}:${queue}`, raw)),
      async expireLease(holder) {
        for (const node of client.nodes('master'))
          for (const key of await node.keys('*}:lovage:holders')) await node.zadd(key, 'XX', 0, holder)
      },
      settleTrips: () => ACK.runs + SETTLE.runs,
      async stop() {
        client.disconnect()
        await cluster.stop()
      },
    }
  },
  priorityLevel: (priority) => Math.floor((9 - priority) / 3) * -3,
})
