-- Statements of the schedule store. Lists are columns, one entry per name; a name occurs in them once.
-- name: load
SELECT name, revision, definition, code, changed, removed, anchor_ms, cursor_ms, last_tick_ms, last_run_ms, last_task_id, total_run_count
FROM lovage_schedule WHERE space = $1 ORDER BY name COLLATE "C"
-- name: add
INSERT INTO lovage_schedule
  (space, name, revision, definition, code, changed, removed, anchor_ms, cursor_ms, last_tick_ms, last_run_ms, last_task_id, total_run_count)
SELECT $1, name, 1, definition, code, changed, removed, anchor_ms, cursor_ms, tick_ms, run_ms, task_id, runs
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::float8[], $8::float8[], $9::float8[], $10::float8[],
  $11::text[], $12::bigint[])
  AS given (name, definition, code, changed, removed, anchor_ms, cursor_ms, tick_ms, run_ms, task_id, runs)
ON CONFLICT (space, name) DO NOTHING RETURNING name
-- name: change
-- Only from the revision that was read. A restart sets anchor and cursor.
UPDATE lovage_schedule AS entry
SET revision = entry.revision + 1, definition = given.definition, code = given.code, changed = given.changed,
  removed = given.removed, anchor_ms = coalesce(given.restart_ms, entry.anchor_ms),
  cursor_ms = coalesce(given.restart_ms, entry.cursor_ms)
FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::float8[])
  AS given (name, revision, definition, code, changed, removed, restart_ms)
WHERE entry.space = $1 AND entry.name = given.name AND entry.revision = given.revision RETURNING entry.name
-- name: delete
DELETE FROM lovage_schedule WHERE space = $1 AND (name, revision) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
RETURNING name
-- name: advance
-- Only from the cursor that was read. A manual run has no tick; an advance without a run leaves the rest unchanged.
UPDATE lovage_schedule AS entry
SET cursor_ms = given.cursor_ms, anchor_ms = given.anchor_ms,
  last_tick_ms = coalesce(given.tick_ms, last_tick_ms), last_run_ms = coalesce(given.run_ms, last_run_ms),
  last_task_id = coalesce(given.task_id, last_task_id), total_run_count = total_run_count + given.runs
FROM unnest($2::text[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::text[], $9::integer[])
  AS given (name, from_ms, cursor_ms, anchor_ms, tick_ms, run_ms, task_id, runs)
WHERE entry.space = $1 AND entry.name = given.name AND entry.cursor_ms = given.from_ms RETURNING entry.name
-- name: fence
-- Takes the token unless a greater one was used before: then no row is returned. Locks its row until the transaction ends,
-- so that a superseded leader cannot write after its successor.
INSERT INTO lovage_schedule_fence AS fence (space, token) VALUES ($1, $2::bigint)
ON CONFLICT (space) DO UPDATE SET token = excluded.token WHERE fence.token <= excluded.token RETURNING 1
-- name: tell
SELECT pg_notify('lovage_schedule', $1)
