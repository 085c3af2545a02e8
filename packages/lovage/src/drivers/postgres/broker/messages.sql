-- Queues, notifications and what is due. Lax statements do not wait for the disk: an effect lost with the server is repeated, never missing.
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
