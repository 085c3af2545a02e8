/** The application's tables. Dead letters have one of their own, `dead_letter_tasks`, which the task queue makes. */
export const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, plan TEXT NOT NULL, periods BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS charges (
    id TEXT PRIMARY KEY, subscription_id TEXT NOT NULL, cents BIGINT NOT NULL, charged_ms BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS counterparties (id TEXT PRIMARY KEY, state TEXT NOT NULL, checked_ms BIGINT NOT NULL)`,
  // What a run has done, written in the transaction in which it did it.
  `CREATE TABLE IF NOT EXISTS task_runs (task_id TEXT PRIMARY KEY, task_name TEXT NOT NULL, result TEXT NOT NULL, done_ms BIGINT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS task_metrics (
    task_name TEXT PRIMARY KEY, runs BIGINT NOT NULL, failures BIGINT NOT NULL, total_ms BIGINT NOT NULL, slowest_ms BIGINT NOT NULL)`,
]
