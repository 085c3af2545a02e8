-- The entries of beat, of every app that uses the file. `definition` and `code` are JSON in the messages' dialect,
-- `changed` a JSON list of fields; times are Unix ms.
CREATE TABLE lovage_schedule (
  space TEXT NOT NULL,
  name TEXT NOT NULL,
  revision INTEGER NOT NULL,
  definition TEXT NOT NULL,
  code TEXT,
  changed TEXT NOT NULL,
  removed INTEGER NOT NULL,
  anchor_ms INTEGER NOT NULL,
  cursor_ms INTEGER NOT NULL,
  last_tick_ms INTEGER,
  last_run_ms INTEGER,
  last_task_id TEXT,
  total_run_count INTEGER NOT NULL,
  PRIMARY KEY (space, name)
) WITHOUT ROWID;

-- The greatest token of a leader that was here; text of 20 digits, because tokens have 64 bits and numbers 53.
CREATE TABLE lovage_schedule_fence (space TEXT PRIMARY KEY, token TEXT NOT NULL) WITHOUT ROWID;
