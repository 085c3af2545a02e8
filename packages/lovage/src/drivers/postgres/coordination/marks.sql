-- Marks beside open transactions that may set the same keys. Such a transaction holds a lock of its key's hash, or one that stands for many
-- keys if it sets many (marks-within.sql). Each is tried, and given back at once.
-- name: putMarks
-- With $5 a live mark wins, and a key that an open transaction is about to set is left alone; otherwise the new mark wins. An insertion
-- would wait for such a transaction, so its locks are tried first; where it comes in between, the wait is bounded.
WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', CASE WHEN $5::boolean THEN '1s' ELSE current_setting('lock_timeout') END, true))
INSERT INTO lovage_mark AS mark (space, key, value, expires_ms)
SELECT $1, key, value, expires_ms FROM patience, unnest($2::text[], $3::text[], $4::bigint[]) AS given (key, value, expires_ms),
LATERAL (SELECT hashtext($1::text || ' ' || key) AS hash) AS named
WHERE NOT $5::boolean OR CASE WHEN CASE
    WHEN pg_try_advisory_lock_shared(1819440489, hash) THEN pg_advisory_unlock_shared(1819440489, hash) ELSE false END
  THEN CASE WHEN pg_try_advisory_lock_shared(1819440488, hash & 1023) THEN pg_advisory_unlock_shared(1819440488, hash & 1023) ELSE false END
  ELSE false END
ORDER BY key
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms
WHERE NOT $5::boolean OR mark.expires_ms <= lovage_now()
RETURNING key
-- name: openMarks
SELECT key FROM unnest($2::text[]) AS key, LATERAL (SELECT hashtext($1::text || ' ' || key) AS hash) AS named
WHERE NOT CASE WHEN CASE
    WHEN pg_try_advisory_lock_shared(1819440489, hash) THEN pg_advisory_unlock_shared(1819440489, hash) ELSE false END
  THEN CASE WHEN pg_try_advisory_lock_shared(1819440488, hash & 1023) THEN pg_advisory_unlock_shared(1819440488, hash & 1023) ELSE false END
  ELSE false END
