import { type Database, openDatabase } from 'lovage-systems-kit'
import { setting } from './config.js'

const TABLES = [
  `CREATE TABLE IF NOT EXISTS users (id BIGINT PRIMARY KEY, email TEXT NOT NULL, token_sha256 TEXT NOT NULL UNIQUE, stripe_customer TEXT)`,
  `CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, user_id BIGINT NOT NULL, name TEXT NOT NULL, bytes BIGINT NOT NULL, state TEXT NOT NULL,
    problem TEXT, rows_in BIGINT, rows_out BIGINT, profile TEXT, created_ms BIGINT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS idx_files_user ON files (user_id, created_ms)`,
  `CREATE TABLE IF NOT EXISTS stripe_events (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL, received_ms BIGINT NOT NULL, processed_ms BIGINT)`,
  `CREATE TABLE IF NOT EXISTS subscriptions (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL, synced_ms BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS invoices_sent (id TEXT PRIMARY KEY, email TEXT NOT NULL, sent_ms BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY, user_id BIGINT NOT NULL, charge TEXT NOT NULL, cents BIGINT NOT NULL, state TEXT NOT NULL, stripe_refund TEXT)`,
]

let opened: Promise<Database> | undefined

/** The system's own data, opened on first use, its tables made. A failure is forgotten, so that the next use tries again. */
export function data(): Promise<Database> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

async function open(): Promise<Database> {
  const db = await openDatabase(setting('DATABASE_URL'))
  await db.migrate(TABLES)
  return db
}
