import { type DriverOptions, type OpenDriver, openByScheme } from '../kernel/index.js'
import type { ResultBackend } from './result-backend.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<ResultBackend>>>> = {
  memory: async () => (await import('./memory/index.js')).openMemoryResultBackend,
  sqlite: async () => (await import('./sqlite/index.js')).openSqliteResultBackend,
  redis: async () => (await import('./redis/index.js')).openRedisResultBackend,
  rediss: async () => (await import('./redis/index.js')).openRedisResultBackend,
  'redis+socket': async () => (await import('./redis/index.js')).openRedisResultBackend,
  postgresql: async () => (await import('./postgres/index.js')).openPostgresResultBackend,
  postgres: async () => (await import('./postgres/index.js')).openPostgresResultBackend,
  'db+postgresql': async () => (await import('./postgres/index.js')).openPostgresResultBackend,
}

/** Opens the result backend that a URL names. */
export function openResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  return openByScheme('result backend', DRIVERS, url, options)
}
