-- Queue administration.
-- name: depths
SELECT queue, state, count(*) AS count FROM lovage_message WHERE queue = ANY ($1::text[]) GROUP BY queue, state
-- name: due
SELECT queue, count(*) AS count FROM lovage_message WHERE queue = ANY ($1::text[]) AND state = 1 AND due_ms <= $2 GROUP BY queue
-- name: queues
SELECT name FROM lovage_queue ORDER BY name
-- name: bindings
SELECT exchange, type, routing_key AS "routingKey", queue FROM lovage_binding ORDER BY queue, exchange, routing_key
-- name: purge
WITH gone AS (DELETE FROM lovage_message WHERE queue = $1 AND state <> 2 RETURNING 1) SELECT count(*) AS count FROM gone
-- name: browse
SELECT id, task_id, task, state, due_ms, holder, redeliveries, raw FROM lovage_message WHERE queue = $1 AND ($2::smallint IS NULL OR state = $2)
ORDER BY state, CASE state WHEN 1 THEN due_ms ELSE level END, place, id LIMIT $3 OFFSET $4
-- name: move
WITH chosen AS (
  SELECT id FROM lovage_message WHERE queue = $1 AND state = 0 ORDER BY level, place, id LIMIT 1000 FOR UPDATE SKIP LOCKED
), moved AS (UPDATE lovage_message SET queue = $2 WHERE id IN (SELECT id FROM chosen) RETURNING 1)
SELECT count(*) AS count FROM moved
-- name: find
-- One state at a time, because each has its own index.
SELECT queue, id, task_id, task, state, due_ms, holder, redeliveries, raw FROM lovage_message WHERE state = 1 AND task_id = ANY ($1::text[])
UNION ALL SELECT queue, id, task_id, task, state, due_ms, holder, redeliveries, raw FROM lovage_message WHERE state = 0 AND task_id = ANY ($1::text[])
UNION ALL SELECT queue, id, task_id, task, state, due_ms, holder, redeliveries, raw FROM lovage_message WHERE state = 2 AND task_id = ANY ($1::text[])
-- name: remove
WITH chosen AS (
  SELECT id FROM lovage_message WHERE state = 1 AND task_id = ANY ($1::text[])
  UNION ALL SELECT id FROM lovage_message WHERE state = 0 AND task_id = ANY ($1::text[])
), gone AS (DELETE FROM lovage_message WHERE state <> 2 AND id IN (SELECT id FROM chosen) RETURNING 1)
SELECT count(*) AS count FROM gone
-- name: reschedule
-- $1 ids, $2 the messages as they were, $3 as they are to be, $4 when they are due. Messages claimed meanwhile stay unchanged.
WITH changed AS (
  UPDATE lovage_message AS message SET state = 1, due_ms = $4, raw = given.later
  FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (id, before, later)
  WHERE message.id = given.id AND message.state <> 2 AND message.raw = given.before RETURNING 1
) SELECT count(*) AS count FROM changed
