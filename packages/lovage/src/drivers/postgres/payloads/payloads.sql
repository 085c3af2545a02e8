-- name: put
INSERT INTO lovage_payload (key, day, bytes) VALUES ($1, $2::date, $3) ON CONFLICT (key) DO NOTHING
-- name: get
SELECT substring(bytes FROM 1 FOR $2::integer) AS bytes FROM lovage_payload WHERE key = $1
-- name: prune
DELETE FROM lovage_payload WHERE key IN (SELECT key FROM lovage_payload WHERE day < $1::date LIMIT $2::integer)
