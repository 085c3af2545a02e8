import { type Database, openDatabase } from 'lovage-systems-kit'

const TABLES = [
  `CREATE TABLE IF NOT EXISTS feature_flags (name TEXT PRIMARY KEY, enabled BIGINT NOT NULL, changed_ms BIGINT NOT NULL)`,
]

let opened: Promise<Database> | undefined

/** The system's own data, opened on first use. A failure is forgotten, so that the next use tries again. */
export function data(): Promise<Database> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

async function open(): Promise<Database> {
  const db = await openDatabase(process.env.DATABASE_URL)
  await db.migrate(TABLES)
  return db
}
