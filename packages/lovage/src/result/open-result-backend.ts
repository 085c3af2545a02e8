import {
  type ConfigurationError,
  type DriverOptions,
  type OpenDriver,
  openByScheme,
  redisDriver,
  schemeProblem,
} from '../kernel/index.js'
import type { ResultBackend } from './result-backend.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<ResultBackend>>>> = {
  memory: async () => (await import('./memory/index.js')).openMemoryResultBackend,
  sqlite: async () => (await import('./sqlite/index.js')).openSqliteResultBackend,
  ...redisDriver(async () => (await import('./redis/index.js')).openRedisResultBackend),
  rpc: async () => (await import('./rpc/index.js')).openRpcResultBackend,
  postgresql: async () => (await import('./postgres/index.js')).openPostgresResultBackend,
  postgres: async () => (await import('./postgres/index.js')).openPostgresResultBackend,
  'db+postgresql': async () => (await import('./postgres/index.js')).openPostgresResultBackend,
}

/** Opens the result backend that a URL names. */
export function openResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  return openByScheme('result backend', DRIVERS, url, options)
}

/** Why no result backend can be opened at a URL, as far as the URL says; undefined when one can. */
export const resultBackendProblem = (url: string): ConfigurationError | undefined =>
  schemeProblem(
    'result backend',
    DRIVERS,
    url,
    "Use one of the schemes named in the message, or backend: 'disabled://' where nobody asks for results.",
  )
