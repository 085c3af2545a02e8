-- Statements of the outbox.
-- name: put
-- In the sender's transaction. $1: a JSON list.
INSERT INTO lovage_outbox (raw, task_id, priority, due_ms, once_key, once_ms, queues)
SELECT raw, task_id, priority, due_ms, once_key, once_ms, queues FROM json_to_recordset($1::json)
AS given (raw text, task_id text, priority smallint, due_ms float8, once_key text, once_ms float8, queues text)
-- name: find
-- In the sender's transaction.
SELECT DISTINCT task_id FROM lovage_outbox WHERE task_id = ANY ($1::text[])
-- name: ring
SELECT pg_notify('lovage_outbox', '')
-- name: take
SELECT id, raw, priority, due_ms, once_key, once_ms, queues FROM lovage_outbox WHERE error IS NULL
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
-- name: drop
DELETE FROM lovage_outbox WHERE id = ANY ($1::bigint[])
-- name: fail
UPDATE lovage_outbox SET error = $2 WHERE id = $1
