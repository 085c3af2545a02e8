-- Joins, their parts, and saved groups. `result`, `body`, `shape` and `tuple` are JSON; times are Unix milliseconds.
-- A join awaits `size + extra` parts. `due_ms` is when it is handed out next: its deadline while parts are missing, then
-- the end of its taker's hold.
CREATE TABLE lovage_join (
  id TEXT PRIMARY KEY,
  size INTEGER,
  extra INTEGER NOT NULL DEFAULT 0,
  arrived INTEGER NOT NULL DEFAULT 0,
  completed_by TEXT,
  is_expired INTEGER NOT NULL DEFAULT 0,
  due_ms REAL NOT NULL,
  body TEXT NOT NULL,
  shape TEXT
) WITHOUT ROWID;
CREATE INDEX ix_lovage_join_due ON lovage_join (due_ms);
-- A part without a state is a member that was added and has not arrived.
CREATE TABLE lovage_join_part (
  join_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  place INTEGER,
  state TEXT,
  result TEXT,
  PRIMARY KEY (join_id, task_id)
) WITHOUT ROWID;
CREATE TABLE lovage_group (id TEXT PRIMARY KEY, tuple TEXT NOT NULL, stored_ms REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX ix_lovage_group_stored ON lovage_group (stored_ms);
