-- Statements of the broker. Parameters named `lax` in comments switch off the wait for the disk: what is lost with the
-- server then is done again, never missing.
-- name: publish
-- $1: a JSON list of messages. Those whose `once_key` was taken before are left out.
WITH given AS (
  SELECT nextval('lovage_message_id') AS id, ordered.* FROM (
    SELECT rows.* FROM ROWS FROM (json_to_recordset($1::json) AS (queue text, level smallint, due_ms float8, task_id text, task text,
      raw text, once_key text, once_ms bigint)) WITH ORDINALITY AS rows ORDER BY ordinality
  ) AS ordered
), first AS (
  INSERT INTO lovage_once AS once (key, expires_ms)
  SELECT once_key, lovage_now() + max(once_ms) FROM given WHERE once_key IS NOT NULL GROUP BY once_key
  ON CONFLICT (key) DO UPDATE SET expires_ms = excluded.expires_ms WHERE once.expires_ms <= lovage_now()
  RETURNING key
)
INSERT INTO lovage_message (id, queue, level, place, due_ms, state, task_id, task, raw)
SELECT id, queue, level, id, due_ms, CASE WHEN due_ms > lovage_now() THEN 1 ELSE 0 END, task_id, task, raw
FROM given WHERE once_key IS NULL OR once_key IN (SELECT key FROM first)
-- name: addQueues
INSERT INTO lovage_queue (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
-- name: bind
INSERT INTO lovage_binding (exchange, type, routing_key, queue) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (exchange, routing_key, queue) DO UPDATE SET type = excluded.type
-- name: bindings
SELECT exchange, type, routing_key, queue FROM lovage_binding WHERE exchange = ANY ($1::text[])
-- name: ring
-- Lax; by itself, so that the publishers of a database do not wait for each other's disk.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('lovage_messages', $1)
-- name: ringWithin
SELECT pg_notify('lovage_messages', $1)
-- name: claim
-- Lax. Only a holder that lives may claim. $1 queues in their order, $2 holder, $3 number of the claim, $4 how many.
UPDATE lovage_message SET state = 2, holder = $2, claim = $3::bigint WHERE id = ANY (ARRAY(
  SELECT ready.id
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS lax, unnest($1::text[]) AS wanted (name), LATERAL (
    SELECT id FROM lovage_message WHERE queue = wanted.name AND state = 0
    ORDER BY level, place, id LIMIT $4 FOR UPDATE SKIP LOCKED
  ) AS ready
  WHERE EXISTS (SELECT FROM lovage_holder WHERE lovage_holder.holder = $2 AND expires_ms > lovage_now())
  LIMIT $4
)) RETURNING id, queue, level, place, redeliveries, raw
-- name: renew
-- Lax.
INSERT INTO lovage_holder (holder, expires_ms)
SELECT $1, lovage_now() + $2::bigint FROM (SELECT set_config('synchronous_commit', 'off', true)) AS lax
ON CONFLICT (holder) DO UPDATE SET expires_ms = excluded.expires_ms
-- name: restore
-- Everything that is held by nobody who lives, except by $1, who asks.
WITH gone AS (DELETE FROM lovage_holder WHERE expires_ms <= lovage_now() AND holder <> $1),
restored AS (
  UPDATE lovage_message AS message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + 1
  WHERE state = 2 AND holder <> $1 AND NOT EXISTS (
    SELECT FROM lovage_holder AS living WHERE living.holder = message.holder AND living.expires_ms > lovage_now())
  RETURNING queue
) SELECT DISTINCT queue FROM restored
-- name: promote
-- What is due becomes ready, behind what is.
WITH due AS (
  SELECT id FROM lovage_message WHERE state = 1 AND due_ms <= lovage_now() ORDER BY due_ms LIMIT 5000 FOR UPDATE SKIP LOCKED
), numbered AS (SELECT nextval('lovage_message_id') AS place, id FROM due),
promoted AS (
  UPDATE lovage_message AS message SET state = 0, place = numbered.place FROM numbered WHERE message.id = numbered.id RETURNING queue
) SELECT DISTINCT queue FROM promoted
-- name: nextDue
SELECT min(due_ms) - lovage_now() AS wait_ms FROM lovage_message WHERE state = 1
-- name: held
SELECT id, claim FROM lovage_message WHERE state = 2 AND holder = $1
-- name: heldTasks
SELECT DISTINCT coalesce(task, 'a message that is no task') AS task FROM lovage_message WHERE state = 2 AND holder = $1 LIMIT 20
-- name: ack
DELETE FROM lovage_message AS message USING unnest($2::bigint[], $3::bigint[]) AS given (id, claim)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1 AND message.state = 2
RETURNING message.id, message.claim
-- name: requeue
UPDATE lovage_message AS message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + given.counts
FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) AS given (id, claim, counts)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1 AND message.state = 2
RETURNING message.id, given.claim, message.queue
-- name: postpone
UPDATE lovage_message AS message SET state = 1, holder = NULL, claim = NULL, due_ms = given.until_ms
FROM unnest($2::bigint[], $3::bigint[], $4::float8[]) AS given (id, claim, until_ms)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1 AND message.state = 2
RETURNING message.id, given.claim
-- name: detach
WITH gone AS (DELETE FROM lovage_holder WHERE holder = $1),
released AS (
  UPDATE lovage_message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + 1
  WHERE state = 2 AND holder = $1 RETURNING queue
) SELECT DISTINCT queue FROM released
-- name: forgetOnce
DELETE FROM lovage_once WHERE expires_ms <= lovage_now()
-- name: broadcast
-- Lax. $1: notifications; in the order of the list.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('lovage_broadcasts', payload)
FROM unnest($1::text[]) WITH ORDINALITY AS given (payload, place) ORDER BY place
-- name: keepBroadcast
WITH old AS (DELETE FROM lovage_broadcast WHERE sent_ms < lovage_now() - 60000)
INSERT INTO lovage_broadcast (raw, sent_ms) VALUES ($1, lovage_now()) RETURNING id
-- name: keptBroadcast
SELECT raw FROM lovage_broadcast WHERE id = $1::bigint
-- name: facts
SELECT current_setting('server_version_num')::integer AS version, current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes, pg_is_in_recovery() AS is_standby
