-- What operators do to queues.
-- name: depths
SELECT queue, state, count(*) AS count FROM lovage_message WHERE queue = ANY ($1::text[]) GROUP BY queue, state
-- name: queues
SELECT name FROM lovage_queue ORDER BY name
-- name: purge
WITH gone AS (DELETE FROM lovage_message WHERE queue = $1 AND state <> 2 RETURNING 1) SELECT count(*) AS count FROM gone
-- name: browse
SELECT id, task_id, task, state, due_ms, raw FROM lovage_message WHERE queue = $1 AND ($2::smallint IS NULL OR state = $2)
ORDER BY state, CASE state WHEN 1 THEN due_ms ELSE level END, place, id LIMIT $3 OFFSET $4
-- name: move
WITH chosen AS (
  SELECT id FROM lovage_message WHERE queue = $1 AND state = 0 ORDER BY level, place, id LIMIT 1000 FOR UPDATE SKIP LOCKED
), moved AS (UPDATE lovage_message SET queue = $2 WHERE id IN (SELECT id FROM chosen) RETURNING 1)
SELECT count(*) AS count FROM moved
-- name: remove
WITH gone AS (DELETE FROM lovage_message WHERE state <> 2 AND task_id = ANY ($1::text[]) RETURNING 1)
SELECT count(*) AS count FROM gone
-- name: reschedule
WITH changed AS (UPDATE lovage_message SET due_ms = $2 WHERE state = 1 AND task_id = ANY ($1::text[]) RETURNING 1)
SELECT count(*) AS count FROM changed
