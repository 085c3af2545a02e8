-- Publishing and notifications. Lax statements do not wait for the disk: an effect lost with the server is repeated, never missing.
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
-- name: addQueues
INSERT INTO lovage_queue (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
-- name: bind
INSERT INTO lovage_binding (exchange, type, routing_key, queue) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (exchange, routing_key, queue) DO UPDATE SET type = excluded.type
-- name: bindings
SELECT exchange, type, routing_key, queue FROM lovage_binding WHERE exchange = ANY ($1::text[])
-- name: ring
-- Lax; in its own transaction, so that the publishers of a database do not wait for each other's disk writes.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('lovage_messages', $1)
-- name: ringWithin
SELECT pg_notify('lovage_messages', $1)
-- name: promote
-- Due messages become ready, behind those that already are.
WITH due AS (
  SELECT id FROM lovage_message WHERE state = 1 AND due_ms <= lovage_now() ORDER BY due_ms LIMIT 5000 FOR UPDATE SKIP LOCKED
), numbered AS (SELECT nextval('lovage_message_id') AS place, id FROM due),
promoted AS (
  UPDATE lovage_message AS message SET state = 0, place = numbered.place FROM numbered WHERE message.id = numbered.id RETURNING queue
) SELECT DISTINCT queue FROM promoted
-- name: nextDue
SELECT min(due_ms) - lovage_now() AS wait_ms FROM lovage_message WHERE state = 1
-- name: forgetOnce
DELETE FROM lovage_once WHERE expires_ms <= lovage_now()
-- name: forgetPublishers
DELETE FROM lovage_publisher WHERE seen_ms < lovage_now() - 3600000
-- name: broadcast
-- Lax. $1: notifications, in the order of the list; $2: their channel; $3: of each, the group of the locks that its listeners hold.
-- Replies, in this order: how many hold one.
WITH presence AS (
  SELECT classid::bigint AS class, count(DISTINCT objid)::integer AS listeners FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY classid
)
SELECT coalesce(listeners, 0) AS listeners, set_config('synchronous_commit', 'off', true), pg_notify($2, payload)
FROM unnest($1::text[], $3::integer[]) WITH ORDINALITY AS given (payload, locks, place)
  LEFT JOIN presence ON class = locks ORDER BY place
-- name: keepBroadcast
WITH old AS (DELETE FROM lovage_broadcast WHERE sent_ms < lovage_now() - 60000)
INSERT INTO lovage_broadcast (raw, sent_ms) VALUES ($1, lovage_now()) RETURNING id
-- name: keptBroadcast
SELECT raw FROM lovage_broadcast WHERE id = $1::bigint
-- name: facts
SELECT current_setting('server_version_num')::integer AS version, current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes, pg_is_in_recovery() AS is_standby
