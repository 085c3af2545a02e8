-- Holders and the ends of claims. Lax statements do not wait for the disk: an effect lost with the server is repeated, never missing.
-- name: claim
-- Lax. Only a live holder may claim. $1 queues in their order, $2 holder, $3 number of the claim, $4 the maximum.
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
-- Every claim without a live holder, except those of $1, the caller. A holder's latest row decides, not the one that was there when the
-- statement began: it may wait for locks longer than a lease, and one that renews meanwhile lives.
WITH gone AS (
  DELETE FROM lovage_holder WHERE holder IN (
    SELECT holder FROM lovage_holder WHERE expires_ms <= lovage_now() AND holder <> $1 FOR UPDATE SKIP LOCKED)
  RETURNING holder
), dead AS (
  SELECT holder FROM gone UNION SELECT holder FROM lovage_message AS held
  WHERE state = 2 AND holder <> $1 AND NOT EXISTS (SELECT FROM lovage_holder AS known WHERE known.holder = held.holder)
), restored AS (
  UPDATE lovage_message AS message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + 1
  FROM dead WHERE message.state = 2 AND message.holder = dead.holder
  RETURNING queue
) SELECT DISTINCT queue FROM restored
-- name: held
SELECT id, claim FROM lovage_message WHERE state = 2 AND holder = $1
-- name: heldTasks
SELECT DISTINCT coalesce(task, 'a message that is no task') AS task FROM lovage_message WHERE state = 2 AND holder = $1 LIMIT 20
-- name: ack
-- Only claimed rows have a holder. A condition on the state would lead the planner through all rows that the holder ever claimed.
DELETE FROM lovage_message AS message USING unnest($2::bigint[], $3::bigint[]) AS given (id, claim)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1
RETURNING message.id, message.claim
-- name: requeue
UPDATE lovage_message AS message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + given.counts
FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) AS given (id, claim, counts)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1
RETURNING message.id, given.claim, message.queue
-- name: postpone
UPDATE lovage_message AS message SET state = 1, holder = NULL, claim = NULL, due_ms = given.until_ms
FROM unnest($2::bigint[], $3::bigint[], $4::float8[]) AS given (id, claim, until_ms)
WHERE message.id = given.id AND message.claim = given.claim AND message.holder = $1
RETURNING message.id, given.claim
-- name: detach
WITH gone AS (DELETE FROM lovage_holder WHERE holder = $1),
released AS (
  UPDATE lovage_message SET state = 0, holder = NULL, claim = NULL, redeliveries = redeliveries + 1
  WHERE state = 2 AND holder = $1 RETURNING queue
) SELECT DISTINCT queue FROM released
