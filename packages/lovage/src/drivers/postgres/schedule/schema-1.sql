-- The entries of beat, of every app that uses the database. `definition` and `code` are JSON in the messages' dialect,
-- `changed` a JSON list of fields; times are Unix ms.
CREATE TABLE lovage_schedule (
  space text NOT NULL,
  name text NOT NULL,
  revision integer NOT NULL,
  definition text NOT NULL,
  code text,
  changed text NOT NULL,
  removed boolean NOT NULL,
  anchor_ms double precision NOT NULL,
  cursor_ms double precision NOT NULL,
  last_tick_ms double precision,
  last_run_ms double precision,
  last_task_id text,
  total_run_count bigint NOT NULL,
  PRIMARY KEY (space, name)
);
-- The greatest token of a leader that was here.
CREATE TABLE lovage_schedule_fence (space text PRIMARY KEY, token bigint NOT NULL);
