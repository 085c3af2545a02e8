-- Statements of the result store. A SUCCESS is never overwritten. `date_done` is the wall clock of the session's zone, as Python's
-- driver writes it and its clean-up compares it. Lists are columns, one entry per record; an id occurs in them once.
-- name: store
WITH given AS (
  SELECT task_id, status, result, done::timestamp AS date_done, traceback, name, args, kwargs, worker, retries, queue, more
  FROM unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
    $9::text[], $10::integer[], $11::text[], $12::text[])
    AS given (task_id, status, result, done, traceback, name, args, kwargs, worker, retries, queue, more)
), updated AS (
  UPDATE celery_taskmeta AS stored SET
    status = given.status, result = given.result, date_done = given.date_done, traceback = given.traceback,
    name = coalesce(given.name, stored.name), args = coalesce(given.args, stored.args),
    kwargs = coalesce(given.kwargs, stored.kwargs), worker = coalesce(given.worker, stored.worker),
    retries = coalesce(given.retries, stored.retries), queue = coalesce(given.queue, stored.queue),
    lovage_more = given.more
  FROM given WHERE stored.task_id = given.task_id AND stored.status <> 'SUCCESS'
)
-- Only new records take a number from the sequence.
INSERT INTO celery_taskmeta AS stored
  (id, task_id, status, result, date_done, traceback, name, args, kwargs, worker, retries, queue, lovage_more)
SELECT nextval('task_id_sequence'), task_id, status, result, date_done, traceback, name, args, kwargs, worker, retries, queue, more
FROM given WHERE NOT EXISTS (SELECT FROM celery_taskmeta AS old WHERE old.task_id = given.task_id)
ON CONFLICT (task_id) DO UPDATE SET
  status = excluded.status, result = excluded.result, date_done = excluded.date_done, traceback = excluded.traceback,
  name = excluded.name, args = excluded.args, kwargs = excluded.kwargs, worker = excluded.worker,
  retries = excluded.retries, queue = excluded.queue, lovage_more = excluded.lovage_more
WHERE stored.status <> 'SUCCESS'
-- name: get
SELECT task_id AS id, status AS state, result, traceback, to_char(date_done::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS done,
  name, args, kwargs, worker, retries, queue, lovage_more AS more
FROM celery_taskmeta WHERE task_id = ANY ($1::text[])
-- name: forget
DELETE FROM celery_taskmeta WHERE task_id = ANY ($1::text[])
-- name: prune
WITH gone AS (
  DELETE FROM celery_taskmeta WHERE id IN (
    SELECT id FROM celery_taskmeta
    WHERE date_done < to_timestamp($1::float8 / 1000)::timestamp AND status IN ('SUCCESS', 'FAILURE', 'REVOKED')
    ORDER BY date_done LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING 1
) SELECT count(*) AS count FROM gone
