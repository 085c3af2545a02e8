-- Results of tasks. `result`, `children` and `extended` are JSON in kombu's dialect; `done_ms` is Unix milliseconds.
CREATE TABLE lovage_result (
  task_id TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  result TEXT NOT NULL,
  traceback TEXT,
  children TEXT NOT NULL,
  date_done TEXT,
  stored_ms INTEGER NOT NULL,
  group_id TEXT,
  parent_id TEXT,
  extended TEXT
) WITHOUT ROWID;
CREATE INDEX ix_lovage_result_stored ON lovage_result (stored_ms);
