-- Marks in a caller's transaction.
-- name: put
-- The transaction keeps the locks of its keys until it ends; a key that another one holds is left alone. A lock stands for many keys: the
-- server has room for a few thousand locks.
INSERT INTO lovage_mark AS mark (space, key, value, expires_ms)
SELECT $1, key, value, expires_ms FROM unnest($2::text[], $3::text[], $4::bigint[]) AS given (key, value, expires_ms)
WHERE pg_try_advisory_xact_lock(1819440488, hashtext($1::text || ' ' || key) & 1023) ORDER BY key
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms
WHERE NOT $5::boolean OR mark.expires_ms <= lovage_now()
RETURNING key
