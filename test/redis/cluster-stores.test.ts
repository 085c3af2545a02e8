import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe } from 'vitest'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import { openCoordinationStore, openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openRedisScheduleStore } from '../../packages/lovage/src/drivers/redis/schedule/index.js'
import { describeJoinStore } from '../../packages/lovage/src/result/join-store.suite.js'
import { describeResultBackend } from '../../packages/lovage/src/result/result-backend.suite.js'
import { describeScheduleStore } from '../../packages/lovage/src/schedule-store/schedule-store.suite.js'
import { type RedisCluster, startCluster } from '../servers.js'
import { driverOptions } from './fleet.js'

// Suites use prefixes of their own, which lie in slots of different servers.
const settingsOf = (tag: string, settings: Readonly<Record<string, unknown>> = {}) => {
  const prefix = { global_keyprefix: `{${tag}}:` }
  return driverOptions({
    resultExpires: 86_400,
    brokerTransportOptions: prefix,
    resultBackendTransportOptions: prefix,
    ...settings,
  })
}

describe('on a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(async () => {
    await cluster?.stop()
  })
  const stop = async (): Promise<void> => {}

  describeResultBackend({
    name: 'Redis Cluster',
    skip: [
      {
        reason: 'Redis removes results by their time to live',
        tests: ['that were done before a time can be pruned, unfinished ones stay'],
      },
    ],
    start: async () => {
      const client = new Redis((await cluster.ownerOf('{results}:')).url)
      const set = async (id: string, json: string): Promise<void> =>
        void (await client.set(`{results}:celery-task-meta-${id}`, json))
      return {
        open: (settings) => openResultBackend(cluster.url(), settingsOf('results', settings)),
        spoil: (id) => set(id, '{broken'),
        storeSilently: ({ id, resultJson }) => set(id, `{"status":"SUCCESS","result":${resultJson}}`),
        stop: async () => client.disconnect(),
      }
    },
  })

  describeJoinStore({
    name: 'Redis Cluster',
    start: async () => ({ open: () => openResultBackend(cluster.url(), settingsOf('joins')), stop }),
  })

  describeCoordinationStore({
    name: 'Redis Cluster',
    start: async () => ({ open: () => openCoordinationStore(cluster.url(), settingsOf('limits')), stop }),
  })

  describeScheduleStore({
    name: 'Redis Cluster',
    start: async () => ({
      open: async (space) => openRedisScheduleStore(cluster.url(), space, settingsOf('beat')),
      stop,
    }),
  })
})
