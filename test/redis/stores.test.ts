import { Redis } from 'ioredis'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import { openCoordinationStore, openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { describeResultBackend } from '../../packages/lovage/src/result/result-backend.suite.js'
import { startRedis } from '../servers.js'

const optionsOf = (settings: Readonly<Record<string, unknown>> = {}) => ({
  clock: systemClock,
  logger: silentLogger,
  settings: { resultExpires: 86_400, ...settings },
})

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
    const set = async (id: string, json: string): Promise<void> => {
      const client = new Redis(server.url)
      await client.set(`celery-task-meta-${id}`, json)
      client.disconnect()
    }
    return {
      open: (settings) => openResultBackend(server.url, optionsOf(settings)),
      spoil: (id) => set(id, '{broken'),
      storeSilently: ({ id, resultJson }) => set(id, `{"status":"SUCCESS","result":${resultJson}}`),
      stop: () => server.stop(),
    }
  },
})

describeJoinStore({
  name: 'Redis',
  start: async () => {
    const server = await startRedis()
    return { open: () => openResultBackend(server.url, optionsOf()), stop: () => server.stop() }
  },
})

describeCoordinationStore({
  name: 'Redis',
  start: async () => {
    const server = await startRedis()
    return { open: () => openCoordinationStore(server.url, optionsOf()), stop: () => server.stop() }
  },
})
