-- The history of one fleet, in a schema of its own. Keys are times: see the SQLite schema, of which this is the twin.
CREATE TABLE task (
  key BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  changed_ms DOUBLE PRECISION NOT NULL,
  process TEXT NOT NULL,
  clock BIGINT NOT NULL,
  source TEXT NOT NULL,
  name TEXT, worker TEXT, queue TEXT,
  sent_ms DOUBLE PRECISION, received_ms DOUBLE PRECISION, started_ms DOUBLE PRECISION, ended_ms DOUBLE PRECISION,
  runtime DOUBLE PRECISION,
  retries BIGINT, percent DOUBLE PRECISION,
  eta TEXT, expires TEXT,
  root_id TEXT, parent_id TEXT, group_id TEXT,
  client TEXT,
  args TEXT, kwargs TEXT, result TEXT, exception TEXT, traceback TEXT,
  told INTEGER NOT NULL, timeline TEXT NOT NULL
);
CREATE INDEX task_name ON task (name, key);
CREATE INDEX task_state ON task (state, key);
CREATE INDEX task_worker ON task (worker, key);
CREATE INDEX task_root ON task (root_id) WHERE root_id <> id;
CREATE INDEX task_child ON task (key) WHERE root_id <> id;

CREATE TABLE block (
  from_key BIGINT PRIMARY KEY,
  to_key BIGINT NOT NULL,
  row_count INTEGER NOT NULL,
  short_fill INTEGER NOT NULL,
  long_fill INTEGER NOT NULL,
  min_ms DOUBLE PRECISION NOT NULL,
  max_ms DOUBLE PRECISION NOT NULL,
  short BYTEA NOT NULL,
  long BYTEA NOT NULL
);

CREATE TABLE rollup (
  step TEXT NOT NULL,
  ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  count BIGINT NOT NULL,
  runtime_ms DOUBLE PRECISION NOT NULL,
  max_runtime_ms DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (step, ms, name, kind)
);

CREATE TABLE gap (
  from_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  to_ms BIGINT,
  lost_events BIGINT,
  filled BIGINT NOT NULL,
  PRIMARY KEY (from_ms, reason)
);

CREATE TABLE audit (
  key BIGSERIAL PRIMARY KEY,
  ms BIGINT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  count BIGINT,
  outcome TEXT NOT NULL,
  details TEXT NOT NULL
);

CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
