import { Redis } from 'ioredis'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import { openCoordinationStore } from '../../packages/lovage/src/coordination/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { openResultBackend } from '../../packages/lovage/src/result/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { describeResultBackend } from '../../packages/lovage/src/result/result-backend.suite.js'
import { startRedis } from '../servers.js'

const options = { clock: systemClock, logger: silentLogger, settings: { resultExpires: 86_400 } }

describeResultBackend({
  name: 'Redis',
  skip: [
    {
      reason: 'Redis removes results by their time to live',
      tests: ['that were done before a time can be pruned, unfinished ones stay'],
    },
  ],
  start: async () => {
    const server = await startRedis()
    return {
      open: () => openResultBackend(server.url, options),
      spoil: async (id) => {
        const client = new Redis(server.url)
        await client.set(`celery-task-meta-${id}`, '{broken')
        client.disconnect()
      },
      stop: () => server.stop(),
    }
  },
})

describeJoinStore({
  name: 'Redis',
  start: async () => {
    const server = await startRedis()
    return { open: () => openResultBackend(server.url, options), stop: () => server.stop() }
  },
})

describeCoordinationStore({
  name: 'Redis',
  start: async () => {
    const server = await startRedis()
    return { open: () => openCoordinationStore(server.url, options), stop: () => server.stop() }
  },
})
