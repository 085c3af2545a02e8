import { databaseOf } from 'lovage-systems-kit'

const TABLES = [
  `CREATE TABLE IF NOT EXISTS monitors (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, every_s BIGINT NOT NULL, channels TEXT NOT NULL,
    next_due_ms BIGINT NOT NULL, enabled BIGINT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS idx_monitors_due ON monitors (next_due_ms)`,
  `CREATE TABLE IF NOT EXISTS snapshots (
    id TEXT PRIMARY KEY, monitor_id TEXT NOT NULL, taken_ms BIGINT NOT NULL, status BIGINT NOT NULL, duration_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL, changed BIGINT NOT NULL, difference TEXT)`,
  `CREATE INDEX IF NOT EXISTS idx_snapshots_monitor ON snapshots (monitor_id, taken_ms)`,
  `CREATE INDEX IF NOT EXISTS idx_snapshots_taken ON snapshots (taken_ms)`,
  `CREATE TABLE IF NOT EXISTS alerts (
    id TEXT PRIMARY KEY, monitor_id TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, created_ms BIGINT NOT NULL, sent_ms BIGINT)`,
  `CREATE TABLE IF NOT EXISTS daily (
    monitor_id TEXT NOT NULL, day TEXT NOT NULL, checks BIGINT NOT NULL, failures BIGINT NOT NULL, changes BIGINT NOT NULL,
    median_ms BIGINT NOT NULL, p95_ms BIGINT NOT NULL, PRIMARY KEY (monitor_id, day))`,
  `CREATE TABLE IF NOT EXISTS models (
    monitor_id TEXT NOT NULL, measure TEXT NOT NULL, centre DOUBLE PRECISION NOT NULL, spread DOUBLE PRECISION NOT NULL,
    samples BIGINT NOT NULL, trained_ms BIGINT NOT NULL, PRIMARY KEY (monitor_id, measure))`,
  `CREATE TABLE IF NOT EXISTS analyses (id TEXT PRIMARY KEY, report TEXT NOT NULL, made_ms BIGINT NOT NULL)`,
]

/** The system's data. */
export const data = databaseOf(TABLES)
