import type { Driver } from '../shared/index.js'

/** Redis and compatible servers: a single one, one behind Sentinels, or a Cluster. */
export const redis: Driver = {
  broker: async () => (await import('./broker/index.js')).openRedisBroker,
  results: async () => (await import('./results/index.js')).openRedisResultBackend,
  coordination: async () => (await import('./coordination/index.js')).openRedisCoordinationStore,
  schedule: async () => {
    const { openRedisScheduleStore } = await import('./schedule/index.js')
    return async (url, space, options) => openRedisScheduleStore(url, space, options)
  },
  reach: 'network',
}
