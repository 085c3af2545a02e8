import type { Driver } from '../shared/index.js'
import { makeEmbeddedFolder } from './embedded-file.js'

export { embeddedUrl } from './embedded-file.js'

/** A SQLite file on this machine, shared by its processes. */
export const sqlite: Driver = {
  broker: async () => (await import('./broker/index.js')).openSqliteBroker,
  results: async () => (await import('./results/index.js')).openSqliteResultBackend,
  coordination: async () => (await import('./coordination/index.js')).openSqliteCoordinationStore,
  letters: async () => (await import('./letters/index.js')).openSqliteDeadLetters,
  schedule: async () => {
    const { openSqliteScheduleStore } = await import('./schedule/index.js')
    return (url, space) => openSqliteScheduleStore(url, space)
  },
  reach: 'machine',
  hasTables: true,
  prepare: makeEmbeddedFolder,
}
