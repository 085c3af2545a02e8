import { type DriverOptions, type OpenDriver, openByScheme } from '../kernel/index.js'
import type { OpenDeadLetterStore } from './store.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<OpenDeadLetterStore>>>> = {
  sqlite: async () => (await import('./sqlite/open-sqlite-dead-letters.js')).openSqliteDeadLetters,
  postgresql: async () => (await import('./postgres/open-postgres-dead-letters.js')).openPostgresDeadLetters,
  postgres: async () => (await import('./postgres/open-postgres-dead-letters.js')).openPostgresDeadLetters,
}

/** Opens the store of dead letters that a URL names (`deadLetterUrl`), and makes its table. */
export function openDeadLetterStore(url: string, options: DriverOptions): Promise<OpenDeadLetterStore> {
  return openByScheme('dead letter store', DRIVERS, url, options)
}
