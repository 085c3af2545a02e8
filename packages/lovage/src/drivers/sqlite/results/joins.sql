-- Statements of the join store. A join is open until `completed_by` or `is_expired` is set; from then on its parts are final.
-- name: open
INSERT INTO lovage_join (id, size, body, shape, due_ms) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE SET size = ?2, body = ?3, shape = ?4, due_ms = ?5
WHERE completed_by IS NULL AND is_expired = 0
-- name: completeAtOnce
UPDATE lovage_join SET completed_by = '', due_ms = ?2
WHERE id = ?1 AND completed_by IS NULL AND is_expired = 0 AND arrived >= size + extra
-- name: isOpen
SELECT 1 FROM lovage_join WHERE id = ?1 AND completed_by IS NULL AND is_expired = 0
-- name: expect
INSERT INTO lovage_join_part (join_id, task_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING
-- name: extend
UPDATE lovage_join SET extra = extra + ?2 WHERE id = ?1
-- name: arrive
INSERT INTO lovage_join_part (join_id, task_id, place, state, result)
SELECT ?1, ?2, ?3, ?4, ?5 FROM lovage_join WHERE id = ?1 AND completed_by IS NULL AND is_expired = 0
ON CONFLICT DO UPDATE SET place = ?3, state = ?4, result = ?5 WHERE state IS NULL
-- name: count
UPDATE lovage_join SET arrived = arrived + 1,
  completed_by = CASE WHEN arrived + 1 >= size + extra THEN ?2 END,
  due_ms = CASE WHEN arrived + 1 >= size + extra THEN ?3 ELSE due_ms END
WHERE id = ?1
RETURNING completed_by IS NOT NULL
-- name: again
UPDATE lovage_join SET due_ms = ?3 WHERE id = ?1 AND completed_by = ?2
-- name: due
UPDATE lovage_join SET is_expired = completed_by IS NULL, due_ms = ?2
WHERE id IN (SELECT id FROM lovage_join WHERE due_ms <= ?1 ORDER BY due_ms LIMIT ?3)
RETURNING id
-- name: join
SELECT body, shape, is_expired FROM lovage_join WHERE id = ?1
-- name: parts
SELECT task_id, place, state, result FROM lovage_join_part WHERE join_id = ?1 AND state IS NOT NULL
-- name: finish
DELETE FROM lovage_join WHERE id = ?1
-- name: dropParts
DELETE FROM lovage_join_part WHERE join_id = ?1
-- name: saveGroup
INSERT INTO lovage_group (id, tuple, stored_ms) VALUES (?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET tuple = ?2, stored_ms = ?3
-- name: group
SELECT tuple FROM lovage_group WHERE id = ?1
-- name: forgetGroup
DELETE FROM lovage_group WHERE id = ?1
-- name: pruneGroups
DELETE FROM lovage_group WHERE id IN (SELECT id FROM lovage_group WHERE stored_ms < ?1 ORDER BY stored_ms LIMIT ?2)
