-- Statements of the coordination store.
-- name: renew
UPDATE lovage_lease SET expires_ms = lovage_now() + $3::bigint
WHERE name = $1 AND holder = $2 AND expires_ms > lovage_now() RETURNING token, expires_ms
-- name: grant
-- An unused token does no harm: tokens only have to grow.
WITH fresh AS (UPDATE lovage_token SET last = greatest(last + 1, lovage_now()) RETURNING last)
INSERT INTO lovage_lease AS lease (name, holder, token, expires_ms)
SELECT $1, $2, last, lovage_now() + $3::bigint FROM fresh
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token, expires_ms = excluded.expires_ms
WHERE lease.expires_ms <= lovage_now()
RETURNING token, expires_ms
-- name: release
DELETE FROM lovage_lease WHERE name = $1 AND token = $2::bigint
-- name: lockTurns
-- Locks the rows of all keys in their order, and returns their state.
INSERT INTO lovage_turn AS turn (key, next_ms) SELECT key, 0 FROM unnest($1::text[]) AS key ORDER BY key
ON CONFLICT (key) DO UPDATE SET next_ms = turn.next_ms RETURNING key, next_ms, lovage_now() AS now_ms
-- name: putTurns
UPDATE lovage_turn AS turn SET next_ms = given.next_ms
FROM unnest($1::text[], $2::float8[]) AS given (key, next_ms) WHERE turn.key = given.key
-- name: lockSlots
SELECT pg_advisory_xact_lock(1819440487, hash) FROM (
  SELECT DISTINCT hashtext(key) AS hash FROM unnest($1::text[]) AS key ORDER BY 1) AS hashes
-- name: members
SELECT key, member FROM lovage_slot WHERE key = ANY ($1::text[]) AND expires_ms > lovage_now()
-- name: putSlots
INSERT INTO lovage_slot (key, member, expires_ms)
SELECT key, member, lovage_now() + ttl_ms FROM unnest($1::text[], $2::text[], $3::bigint[]) AS given (key, member, ttl_ms)
ON CONFLICT (key, member) DO UPDATE SET expires_ms = excluded.expires_ms
-- name: dropSlots
DELETE FROM lovage_slot WHERE (key, member) IN (SELECT * FROM unnest($1::text[], $2::text[]))
-- name: replaceMarks
-- Locks in the order of the keys, so that two callers that replace the same marks do not deadlock.
WITH locked AS (
  SELECT key FROM lovage_mark WHERE space = $1 AND key = ANY ($2::text[]) AND (expires_ms IS NULL OR expires_ms > lovage_now())
  ORDER BY key FOR UPDATE)
UPDATE lovage_mark AS mark SET value = given.value, expires_ms = given.expires_ms
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS given (key, was, value, expires_ms)
JOIN locked ON locked.key = given.key
WHERE mark.space = $1 AND mark.key = given.key AND mark.value = given.was
  AND (mark.expires_ms IS NULL OR mark.expires_ms > lovage_now())
RETURNING mark.key
-- name: listMarks
SELECT key, value, expires_ms FROM lovage_mark
WHERE space = $1 AND ($2::text[] IS NULL OR key = ANY ($2)) AND (expires_ms IS NULL OR expires_ms > lovage_now())
-- name: dropMarks
-- All values of a key in one row: where another caller replaces the mark at this moment, the new value is compared with the same row.
DELETE FROM lovage_mark AS mark USING (
  SELECT key, array_agg(value) AS wanted, bool_or(value IS NULL) AS is_any
  FROM unnest($2::text[], $3::text[]) AS one (key, value) GROUP BY key) AS given
WHERE mark.space = $1 AND mark.key = given.key AND (given.is_any OR mark.value = ANY (given.wanted))
  AND (mark.expires_ms IS NULL OR mark.expires_ms > lovage_now())
RETURNING mark.key
-- name: tell
SELECT pg_notify('lovage_marks', $1)
-- name: sweepLeases
DELETE FROM lovage_lease WHERE expires_ms < lovage_now() - 60000
-- name: sweepTurns
DELETE FROM lovage_turn WHERE key IN (
  SELECT key FROM lovage_turn WHERE next_ms < lovage_now() - 60000 LIMIT 1000 FOR UPDATE SKIP LOCKED)
-- name: sweepSlots
DELETE FROM lovage_slot WHERE expires_ms < lovage_now() - 60000
-- name: sweepMarks
DELETE FROM lovage_mark WHERE (space, key) IN (
  SELECT space, key FROM lovage_mark WHERE expires_ms < lovage_now() - 60000 FOR UPDATE SKIP LOCKED)
