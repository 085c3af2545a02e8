-- Rows of `load` and parameters of `add` are the table's columns in their order.

-- name: load
SELECT * FROM lovage_schedule WHERE space = ? ORDER BY name

-- name: add
INSERT OR IGNORE INTO lovage_schedule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: change
-- Only from the revision that was read, ?2. A restart, ?7, sets anchor and cursor.
UPDATE lovage_schedule
SET revision = ?2 + 1, definition = ?3, code = ?4, changed = ?5, removed = ?6,
    anchor_ms = coalesce(?7, anchor_ms), cursor_ms = coalesce(?7, cursor_ms)
WHERE space = ?8 AND name = ?1 AND revision = ?2

-- name: delete
DELETE FROM lovage_schedule WHERE space = ? AND name = ? AND revision = ?

-- name: advance
-- Only from the cursor that was read, ?3. A manual run has no tick; an advance without a run leaves the rest unchanged.
UPDATE lovage_schedule
SET cursor_ms = ?4, anchor_ms = ?5,
    last_tick_ms = coalesce(?6, last_tick_ms), last_run_ms = coalesce(?7, last_run_ms),
    last_task_id = coalesce(?8, last_task_id), total_run_count = total_run_count + ?9
WHERE space = ?1 AND name = ?2 AND cursor_ms = ?3

-- name: fence
-- Takes the token unless a greater one was used before: then no row is changed.
INSERT INTO lovage_schedule_fence VALUES (?1, ?2)
ON CONFLICT (space) DO UPDATE SET token = ?2 WHERE token <= ?2
