-- Publishing.
-- name: publish
-- $1: a JSON list of the columns of each message; $2: the messages, in one text because they are long, and JSON text nested in JSON
-- takes half of the total time. Messages whose `once_key` is already taken are skipped. $3 publisher, or null, and $4 the number of its
-- statement: one that was already executed does nothing.
WITH given AS (
  SELECT nextval('lovage_message_id') AS id, ordered.* FROM (
    SELECT rows.* FROM ROWS FROM (json_to_recordset($1::json) AS (queue text, level smallint, due_ms float8, task_id text, task text,
      once_key text, once_ms bigint), unnest(string_to_array($2, chr(31)))) WITH ORDINALITY
      AS rows (queue, level, due_ms, task_id, task, once_key, once_ms, raw) ORDER BY ordinality
  ) AS ordered
), fresh AS (
  INSERT INTO lovage_publisher AS publisher (name, number, seen_ms)
  SELECT $3::text, $4::bigint, lovage_now() WHERE $3::text IS NOT NULL
  ON CONFLICT (name) DO UPDATE SET number = excluded.number, seen_ms = excluded.seen_ms WHERE publisher.number < excluded.number
  RETURNING 1
), first AS (
  INSERT INTO lovage_once AS once (key, expires_ms)
  SELECT once_key, lovage_now() + max(once_ms) FROM given WHERE once_key IS NOT NULL GROUP BY once_key
  ON CONFLICT (key) DO UPDATE SET expires_ms = excluded.expires_ms WHERE once.expires_ms <= lovage_now()
  RETURNING key
)
INSERT INTO lovage_message (id, queue, level, place, due_ms, state, task_id, task, raw)
SELECT id, queue, level, id, due_ms, CASE WHEN due_ms > 0 AND due_ms > lovage_now() THEN 1 ELSE 0 END, task_id, task, raw
FROM given WHERE ($3::text IS NULL OR EXISTS (SELECT FROM fresh)) AND (once_key IS NULL OR once_key IN (SELECT key FROM first))
-- name: publishAlike
-- The same for messages of one queue, level, time and task, without `once_key`. $1 and $2 as $3 and $4 above; $3 to $6 the four; $7 the ids of
-- the tasks, in one text, and $8 the messages. An empty id is null.
WITH fresh AS (
  INSERT INTO lovage_publisher AS publisher (name, number, seen_ms)
  SELECT $1::text, $2::bigint, lovage_now() WHERE $1::text IS NOT NULL
  ON CONFLICT (name) DO UPDATE SET number = excluded.number, seen_ms = excluded.seen_ms WHERE publisher.number < excluded.number
  RETURNING 1
)
INSERT INTO lovage_message (id, queue, level, place, due_ms, state, task_id, task, raw)
SELECT id, $3::text, $4::smallint, id, $5::float8, CASE WHEN $5::float8 > 0 AND $5::float8 > lovage_now() THEN 1 ELSE 0 END,
  nullif(task_id, ''), $6::text, raw
FROM (
  SELECT nextval('lovage_message_id') AS id, task_id, raw FROM unnest(string_to_array($7, chr(31)), string_to_array($8, chr(31))) AS given (task_id, raw)
) AS numbered WHERE $1::text IS NULL OR EXISTS (SELECT FROM fresh)
