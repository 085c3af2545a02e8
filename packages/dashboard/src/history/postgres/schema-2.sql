-- Bulk jobs: the line as JSON, and when the dashboard that runs it was last seen.
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  started_ms BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  is_running BOOLEAN NOT NULL,
  line TEXT NOT NULL
);
CREATE INDEX job_started ON job (started_ms);
