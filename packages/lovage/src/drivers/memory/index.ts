import type { Driver } from '../shared/index.js'

/** The memory of this process, shared by all that name it: for tests, and for programs that keep nothing. */
export const memory: Driver = {
  broker: async () => (await import('./broker/index.js')).openMemoryBroker,
  results: async () => (await import('./results/index.js')).openMemoryResultBackend,
  coordination: async () => (await import('./coordination/index.js')).openMemoryCoordinationStore,
  schedule: async () => {
    const { openMemoryScheduleStore } = await import('./schedule/index.js')
    return async (url, space) => openMemoryScheduleStore(url, space)
  },
  reach: 'process',
}
