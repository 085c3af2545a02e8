import { databaseOf } from 'lovage-systems-kit'

const TABLES = [
  `CREATE TABLE IF NOT EXISTS feature_flags (name TEXT PRIMARY KEY, enabled BIGINT NOT NULL, changed_ms BIGINT NOT NULL)`,
]

/** The system's own data. */
export const data = databaseOf(TABLES)
