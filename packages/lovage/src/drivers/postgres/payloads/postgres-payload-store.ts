import type { DriverOptions } from '../../../kernel/index.js'
import type { PayloadStore } from '../../../payload/index.js'
import { readSql } from '../../../process/index.js'
import { type Migrations, openPostgres, postgresOptionsOf } from '../client/index.js'

const sql = readSql(new URL('./payloads.sql', import.meta.url), ['put', 'get', 'prune'])

/** The table of large payloads. */
export const PAYLOAD_MIGRATIONS: Migrations = {
  name: 'payloads',
  steps: [new URL('./schema-1.sql', import.meta.url)],
}

/** Rows that one statement removes: a long one would hold back the server's own cleaning. */
const AT_ONCE = 1000

/** Opens the table `lovage_payload` in the database that a `postgresql://` URL names. */
export async function openPostgresPayloadStore(
  url: string,
  { settings }: DriverOptions,
): Promise<PayloadStore> {
  const database = openPostgres(url, postgresOptionsOf(settings))
  try {
    await database.migrate(PAYLOAD_MIGRATIONS)
  } catch (error) {
    await database.close()
    throw error
  }
  return {
    location: database.target.location,
    async put(payloads) {
      for (const { key, bytes } of payloads) {
        const [day = ''] = key.split('/')
        await database.query(sql.put, [key, day === 'kept' ? null : day, bytes])
      }
    },
    async get(key, maxBytes) {
      const [row] = await database.query<{ bytes: Buffer }>(sql.get, [key, maxBytes])
      return row?.bytes
    },
    async prune(beforeDay) {
      await database.query(sql.prune, [beforeDay, AT_ONCE])
    },
    close: () => database.close(),
  }
}
