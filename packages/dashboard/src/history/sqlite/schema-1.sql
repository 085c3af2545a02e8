-- The history of one fleet. `task.key` is a time: when the task was heard of first, in Unix ms, times 2048, plus a counter.
CREATE TABLE task (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  state TEXT NOT NULL,
  changed_ms REAL NOT NULL,
  process TEXT NOT NULL,
  clock INTEGER NOT NULL,
  source TEXT NOT NULL,
  name TEXT,
  worker TEXT,
  queue TEXT,
  sent_ms REAL, received_ms REAL, started_ms REAL, ended_ms REAL,
  runtime REAL,
  retries INTEGER, percent REAL,
  eta TEXT, expires TEXT,
  root_id TEXT, parent_id TEXT, group_id TEXT,
  client TEXT,
  args TEXT,
  kwargs TEXT,
  result TEXT,
  exception TEXT,
  traceback TEXT,
  told INTEGER NOT NULL, timeline TEXT NOT NULL
);
CREATE UNIQUE INDEX task_id ON task (id);
CREATE INDEX task_name ON task (name);
CREATE INDEX task_state ON task (state);
CREATE INDEX task_worker ON task (worker);
-- Of workflows alone: most tasks are their own root.
CREATE INDEX task_root ON task (root_id) WHERE root_id <> id;
CREATE INDEX task_child ON task (key, root_id) WHERE root_id <> id;

-- What searches pass over: see block.ts.
CREATE TABLE block (
  from_key INTEGER PRIMARY KEY,
  to_key INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  short_fill INTEGER NOT NULL,
  long_fill INTEGER NOT NULL,
  min_ms REAL NOT NULL,
  max_ms REAL NOT NULL,
  short BLOB NOT NULL,
  long BLOB NOT NULL
);

-- Counts by kind of event; `name` is empty for all tasks together.
CREATE TABLE rollup (
  step TEXT NOT NULL,
  ms INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  count INTEGER NOT NULL,
  runtime_ms REAL NOT NULL,
  max_runtime_ms REAL NOT NULL,
  PRIMARY KEY (step, ms, name, kind)
) WITHOUT ROWID;

CREATE TABLE gap (
  from_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  to_ms INTEGER,
  lost_events INTEGER,
  filled INTEGER NOT NULL,
  PRIMARY KEY (from_ms, reason)
) WITHOUT ROWID;

CREATE TABLE audit (
  key INTEGER PRIMARY KEY,
  ms INTEGER NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  count INTEGER,
  outcome TEXT NOT NULL,
  details TEXT NOT NULL
);

CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
