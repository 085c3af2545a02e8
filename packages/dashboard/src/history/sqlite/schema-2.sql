-- Bulk jobs: the line as JSON, and when the dashboard that runs it was last seen.
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  started_ms INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  is_running INTEGER NOT NULL,
  line TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX job_started ON job (started_ms);
