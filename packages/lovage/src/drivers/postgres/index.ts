import type { Driver } from '../shared/index.js'

/** A PostgreSQL database. */
export const postgres: Driver = {
  broker: async () => (await import('./broker/index.js')).openPostgresBroker,
  results: async () => (await import('./results/index.js')).openPostgresResultBackend,
  coordination: async () => (await import('./coordination/index.js')).openPostgresCoordinationStore,
  letters: async () => (await import('./letters/index.js')).openPostgresDeadLetters,
  schedule: async () => (await import('./schedule/index.js')).openPostgresScheduleStore,
  outbox: async () => (await import('./outbox/index.js')).withOutbox,
  payloads: async () => (await import('./payloads/index.js')).openPostgresPayloadStore,
  reach: 'network',
  hasTables: true,
}

/** The same database under Celery's name for a result backend. */
export const postgresResults: Driver = {
  results: async () => (await import('./results/index.js')).openPostgresResultBackend,
  reach: 'network',
  hasTables: true,
}
