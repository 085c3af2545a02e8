-- Statements of the join store. A join is open until `completed_by` or `is_expired` is set; from then on its parts are final.
-- name: open
INSERT INTO lovage_join AS old (id, size, body, shape, due_ms)
SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::float8[])
ON CONFLICT (id) DO UPDATE SET size = excluded.size, body = excluded.body, shape = excluded.shape, due_ms = excluded.due_ms
WHERE old.completed_by IS NULL AND NOT old.is_expired
-- name: completeAtOnce
UPDATE lovage_join SET completed_by = '', due_ms = $2
WHERE id = ANY ($1::text[]) AND completed_by IS NULL AND NOT is_expired AND arrived >= size + extra
RETURNING id, body, shape, is_expired
-- name: lock
SELECT id, size, extra, arrived, completed_by, is_expired, body, shape
FROM lovage_join WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE
-- name: known
SELECT join_id, task_id, state IS NOT NULL AS has_arrived FROM lovage_join_part
WHERE (join_id, task_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
-- name: expect
WITH added AS (
  INSERT INTO lovage_join_part (join_id, task_id) SELECT $1, id FROM unnest($2::text[]) AS id
  ON CONFLICT DO NOTHING RETURNING 1
) UPDATE lovage_join SET extra = extra + (SELECT count(*) FROM added) WHERE id = $1
-- name: take
INSERT INTO lovage_join_part (join_id, task_id, place, state, result)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[])
ON CONFLICT (join_id, task_id) DO UPDATE SET place = excluded.place, state = excluded.state, result = excluded.result
-- name: count
UPDATE lovage_join AS old SET arrived = counted.arrived, completed_by = counted.completed_by,
  due_ms = CASE WHEN counted.completed_by IS NULL THEN old.due_ms ELSE $4 END
FROM unnest($1::text[], $2::integer[], $3::text[]) AS counted (id, arrived, completed_by) WHERE old.id = counted.id
-- name: due
UPDATE lovage_join SET is_expired = completed_by IS NULL, due_ms = $2 WHERE id IN (
  SELECT id FROM lovage_join WHERE due_ms <= $1 ORDER BY due_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, body, shape, is_expired
-- name: parts
SELECT join_id, task_id, place, state, result FROM lovage_join_part WHERE join_id = ANY ($1::text[]) AND state IS NOT NULL
-- name: finish
WITH gone AS (DELETE FROM lovage_join WHERE id = ANY ($1::text[]) RETURNING id)
DELETE FROM lovage_join_part WHERE join_id IN (SELECT id FROM gone)
-- name: saveGroup
INSERT INTO lovage_group (id, tuple, stored_ms) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET tuple = excluded.tuple, stored_ms = excluded.stored_ms
-- name: group
SELECT tuple FROM lovage_group WHERE id = $1
-- name: forgetGroup
DELETE FROM lovage_group WHERE id = $1
-- name: pruneGroups
WITH gone AS (
  DELETE FROM lovage_group WHERE id IN (
    SELECT id FROM lovage_group WHERE stored_ms < $1 ORDER BY stored_ms LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING 1
) SELECT count(*) AS count FROM gone
