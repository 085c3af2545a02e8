import { readFileSync } from 'node:fs'
import { snowflake } from './snowflake.js'
import { sqlWarehouse } from './sql-warehouse.js'
import type { Warehouse } from './warehouse.js'

const NEEDED = [
  'SNOWFLAKE_ACCOUNT',
  'SNOWFLAKE_WAREHOUSE',
  'SNOWFLAKE_DATABASE',
  'SNOWFLAKE_SCHEMA',
  'SNOWFLAKE_SERVICE_USER',
] as const

/**
 * The warehouse that the environment names: WAREHOUSE_URL (`sqlite://…`, `postgresql://…`), else Snowflake.
 * @throws {Error} that names what is missing.
 */
export function openWarehouse(env: NodeJS.ProcessEnv): Warehouse {
  if (env.WAREHOUSE_URL) return sqlWarehouse(env.WAREHOUSE_URL, env.WAREHOUSE_TABLE ?? 'LEARNING_TIME')
  const missing = NEEDED.filter((name) => !env[name])
  if (!env.SNOWFLAKE_PRIVATE_KEY && !env.SNOWFLAKE_PRIVATE_KEY_PATH)
    missing.push('SNOWFLAKE_PRIVATE_KEY_PATH' as never)
  if (missing.length > 0)
    throw new Error(`No warehouse is configured: ${missing.join(', ')} not set (or WAREHOUSE_URL).`)
  const value = (name: (typeof NEEDED)[number]): string => env[name] ?? ''
  return snowflake({
    account: value('SNOWFLAKE_ACCOUNT'),
    warehouse: value('SNOWFLAKE_WAREHOUSE'),
    database: value('SNOWFLAKE_DATABASE'),
    schema: value('SNOWFLAKE_SCHEMA'),
    user: value('SNOWFLAKE_SERVICE_USER'),
    role: env.SNOWFLAKE_ROLE,
    privateKey: env.SNOWFLAKE_PRIVATE_KEY ?? readFileSync(env.SNOWFLAKE_PRIVATE_KEY_PATH ?? '', 'utf8'),
    passphrase: env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE,
    url: env.SNOWFLAKE_URL,
    table: env.SNOWFLAKE_TABLE,
  })
}
