-- The parameters of `add` are the table's columns in their order, as are the rows of `list` and `take`.

-- name: add
INSERT OR IGNORE INTO dead_letter_tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: list
-- Newest first, after the letter with (failed_ms, id) = (?6, ?7). A condition that is NULL matches every letter.
SELECT * FROM dead_letter_tasks
WHERE (?1 IS NULL OR queue = ?1)
  AND (?2 IS NULL OR task = ?2)
  AND (?3 IS NULL OR reason = ?3)
  AND (?4 IS NULL OR id IN (SELECT value FROM json_each(?4)) OR task_id IN (SELECT value FROM json_each(?4)))
  AND (?5 IS NULL OR failed_ms < ?5)
  AND (?6 IS NULL OR (failed_ms, id) < (?6, ?7))
ORDER BY failed_ms DESC, id DESC
LIMIT ?8

-- name: count
SELECT queue, count(*) FROM dead_letter_tasks GROUP BY queue

-- name: take
DELETE FROM dead_letter_tasks WHERE id IN (SELECT value FROM json_each(?)) RETURNING *
