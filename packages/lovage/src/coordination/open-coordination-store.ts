import {
  type DriverOptions,
  isLovageError,
  type OpenDriver,
  openByScheme,
  redisDriver,
} from '../kernel/index.js'
import type { CoordinationStore } from './coordination-store.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<CoordinationStore>>>> = {
  memory: async () => (await import('./memory/index.js')).openMemoryCoordinationStore,
  sqlite: async () => (await import('./sqlite/index.js')).openSqliteCoordinationStore,
  ...redisDriver(async () => (await import('./redis/index.js')).openRedisCoordinationStore),
  postgresql: async () => (await import('./postgres/index.js')).openPostgresCoordinationStore,
  postgres: async () => (await import('./postgres/index.js')).openPostgresCoordinationStore,
}

/** Opens the coordination store that a URL names. */
export function openCoordinationStore(url: string, options: DriverOptions): Promise<CoordinationStore> {
  return openByScheme('coordination store', DRIVERS, url, options)
}

/** Whether opening failed because servers of this kind (RabbitMQ) keep no agreements; then whoever can goes on without. */
export const keepsNoAgreements = (error: unknown): boolean =>
  isLovageError(error) && error.code === 'LVG_DRIVER_UNKNOWN'
