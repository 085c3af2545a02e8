-- Statements of the result store. Row columns: task_id, status, result, traceback, children, date_done, group_id, parent_id, extended.
-- name: store
INSERT INTO lovage_result (task_id, status, result, traceback, children, date_done, stored_ms, group_id, parent_id, extended)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (task_id) DO UPDATE SET
  status = ?2, result = ?3, traceback = ?4, children = ?5, date_done = ?6, stored_ms = ?7, group_id = ?8, parent_id = ?9, extended = ?10
WHERE status <> 'SUCCESS'
-- name: get
SELECT task_id, status, result, traceback, children, date_done, group_id, parent_id, extended
FROM lovage_result WHERE task_id IN (SELECT value FROM json_each(?1))
-- name: forget
DELETE FROM lovage_result WHERE task_id IN (SELECT value FROM json_each(?1))
-- name: prune
DELETE FROM lovage_result WHERE task_id IN (
  SELECT task_id FROM lovage_result WHERE stored_ms < ?1 AND status IN ('SUCCESS', 'FAILURE', 'REVOKED') ORDER BY stored_ms LIMIT ?2)
