-- The parameters of `add` are lists, one for each of the table's columns in their order.
-- name: add
INSERT INTO dead_letter_tasks (id, task_id, task, queue, reason, error_type, error_message, traceback, retries, redeliveries,
  worker, failed_ms, raw, raw_is_text)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::integer[],
  $10::integer[], $11::text[], $12::bigint[], $13::bytea[], $14::boolean[])
ON CONFLICT (id) DO NOTHING
-- name: list
-- Newest first, after the letter with (failed_ms, id) = ($6, $7). A condition that is NULL matches every letter.
SELECT * FROM dead_letter_tasks
WHERE ($1::text IS NULL OR queue = $1)
  AND ($2::text IS NULL OR task = $2)
  AND ($3::text IS NULL OR reason = $3)
  AND ($4::text[] IS NULL OR id = ANY ($4) OR task_id = ANY ($4))
  AND ($5::bigint IS NULL OR failed_ms < $5)
  AND ($6::bigint IS NULL OR (failed_ms, id COLLATE "C") < ($6, $7::text))
ORDER BY failed_ms DESC, id COLLATE "C" DESC
LIMIT $8
-- name: count
SELECT queue, count(*) AS letters FROM dead_letter_tasks GROUP BY queue
-- name: take
DELETE FROM dead_letter_tasks WHERE id = ANY ($1::text[]) RETURNING *
