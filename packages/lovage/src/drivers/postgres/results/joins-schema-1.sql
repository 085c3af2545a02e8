-- Joins, their parts, and saved groups. `result`, `body`, `shape` and `tuple` are JSON; times are Unix milliseconds.
-- A join awaits `size + extra` parts. `due_ms` is when it is handed out next: its deadline while parts are missing, then
-- the end of its taker's hold.
CREATE TABLE lovage_join (
  id text PRIMARY KEY,
  size integer,
  extra integer NOT NULL DEFAULT 0,
  arrived integer NOT NULL DEFAULT 0,
  completed_by text,
  is_expired boolean NOT NULL DEFAULT false,
  due_ms double precision NOT NULL,
  body text NOT NULL,
  shape text
);
CREATE INDEX ix_lovage_join_due ON lovage_join (due_ms);
-- A part without a state is a member that was added and has not arrived.
CREATE TABLE lovage_join_part (
  join_id text NOT NULL,
  task_id text NOT NULL,
  place integer,
  state text,
  result text,
  PRIMARY KEY (join_id, task_id)
);
CREATE TABLE lovage_group (id text PRIMARY KEY, tuple text NOT NULL, stored_ms double precision NOT NULL);
CREATE INDEX ix_lovage_group_stored ON lovage_group (stored_ms);
