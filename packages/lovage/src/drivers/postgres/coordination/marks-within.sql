-- Marks in a caller's transaction.
-- name: put
-- The transaction keeps locks of its keys until it ends; a key that another one holds is left alone. A transaction's first 32 keys have a
-- lock each. For more, a lock stands for a 1024th of all keys, as the server has room for a few thousand locks. Each kind is taken before
-- the other is tried, so that of two transactions with one key at most one sets it.
WITH count AS MATERIALIZED (SELECT set_config('lovage.keys',
  (coalesce(nullif(current_setting('lovage.keys', true), ''), '0')::integer + cardinality($2::text[]))::text, true)::integer AS keys)
INSERT INTO lovage_mark AS mark (space, key, value, expires_ms)
SELECT $1, key, value, expires_ms FROM count, unnest($2::text[], $3::text[], $4::bigint[]) AS given (key, value, expires_ms),
LATERAL (SELECT hashtext($1::text || ' ' || key) AS hash) AS named
WHERE CASE WHEN count.keys <= 32 THEN
    CASE WHEN pg_try_advisory_xact_lock(1819440489, hash) THEN CASE WHEN pg_try_advisory_lock_shared(1819440488, hash & 1023)
      THEN pg_advisory_unlock_shared(1819440488, hash & 1023) ELSE false END ELSE false END
  ELSE
    CASE WHEN pg_try_advisory_xact_lock(1819440488, hash & 1023) THEN CASE WHEN pg_try_advisory_lock_shared(1819440489, hash)
      THEN pg_advisory_unlock_shared(1819440489, hash) ELSE false END ELSE false END
  END
ORDER BY key
ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms
WHERE NOT $5::boolean OR mark.expires_ms <= lovage_now()
RETURNING key
