import { resolve } from 'node:path'
import { ConfigurationError } from '../kernel/index.js'

/** The URL of a SQLite file. */
export const fileUrl = (path: string): string => `sqlite://${resolve(path)}`

/** The broker that REDIS_URL, or REDIS_HOST with REDIS_PORT, REDIS_DB and REDIS_PASSWORD, names. */
export function brokerUrlFromEnvironment(env: NodeJS.ProcessEnv): string | undefined {
  if (env.REDIS_URL) return env.REDIS_URL
  if (!env.REDIS_HOST) return undefined
  const password = env.REDIS_PASSWORD ? `:${encodeURIComponent(env.REDIS_PASSWORD)}@` : ''
  return `redis://${password}${env.REDIS_HOST}:${env.REDIS_PORT ?? 6379}/${env.REDIS_DB ?? 0}`
}

/**
 * The URL of a database as a setting gives it: `db+env` stands for DATABASE_URL, and SQLAlchemy's driver suffix
 * (`postgresql+asyncpg://`) is dropped.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when the variable is not set.
 */
export function databaseUrl(url: string, env: NodeJS.ProcessEnv): string {
  if (url !== 'db+env') return url.replace(/^(db\+)?(postgresql|sqlite)\+\w+:/, '$1$2:')
  if (!env.DATABASE_URL) {
    throw new ConfigurationError('The setting says db+env, but DATABASE_URL is not set.', {
      code: 'LVG_CONFIG_INVALID',
    })
  }
  return databaseUrl(`db+${env.DATABASE_URL}`, env)
}

/** The URL of a result backend as a setting gives it: Celery's `rpc` alone is one too. */
export const resultStoreUrl = (setting: string): string => (setting === 'rpc' ? 'rpc://' : setting)
