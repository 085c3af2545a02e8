import { databaseOf } from 'lovage-systems-kit'

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

/** The system's own data. */
export const data = databaseOf(TABLES)
