-- name: insert
INSERT INTO lovage_webhook_events (tenant, id, type, ordering_key, dedup_key, body_bytes, body_hash, day, created_at)
SELECT r.tenant, r.id, r.type, r.ordering_key, r.dedup_key, r.body_bytes, r.body_hash, r.day, r.created_at
FROM ROWS($1: tenant text, id text, type text, ordering_key text, dedup_key text, body_bytes integer, body_hash text, day integer, created_at bigint)
WHERE true ON CONFLICT DO NOTHING RETURNING tenant, id
-- name: insertBody
INSERT INTO lovage_webhook_bodies (day, tenant, event_id, body) VALUES ($1, $2, $3, $4)
-- name: existing
SELECT * FROM lovage_webhook_events WHERE tenant = $1 AND (id = $2 OR dedup_key = $3)
-- name: get
SELECT * FROM lovage_webhook_events WHERE tenant = $1 AND id = $2
-- name: body
SELECT b.body FROM lovage_webhook_bodies b WHERE b.day = $1 AND b.tenant = $2 AND b.event_id = $3
-- name: deliveriesOf
SELECT id, state FROM lovage_webhook_deliveries WHERE tenant = $1 AND event_id = $2 ORDER BY id
-- name: subscribers
SELECT DISTINCT e.id, e.is_enabled, e.settings FROM lovage_webhook_patterns p JOIN lovage_webhook_endpoints e ON e.id = p.endpoint_id
WHERE p.tenant = $1 AND p.pattern IN ($2[]) AND e.deleted_at IS NULL
-- name: named
SELECT e.id, e.is_enabled, e.settings FROM lovage_webhook_endpoints e WHERE e.tenant = $1 AND e.id IN ($2[]) AND e.deleted_at IS NULL
-- name: insertDeliveries
INSERT INTO lovage_webhook_deliveries (id, tenant, event_id, endpoint_id, event_type, ordering_key, state, waits_for, due_at,
  is_test, event_day, event_at, created_at, updated_at)
SELECT r.id, r.tenant, r.event_id, r.endpoint_id, r.event_type, r.ordering_key, r.state, r.waits_for, r.due_at,
  r.is_test, r.day, r.event_at, r.event_at, r.event_at
FROM ROWS($1: id text, tenant text, event_id text, endpoint_id text, event_type text, ordering_key text, state text, waits_for text, due_at bigint, is_test integer, day integer, event_at bigint)
-- name: list
SELECT * FROM lovage_webhook_events
WHERE tenant = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3)) AND created_at >= $4 ORDER BY created_at DESC, id DESC LIMIT $5
-- name: listOfTypes
SELECT * FROM lovage_webhook_events WHERE tenant = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3)) AND created_at >= $4
  AND type IN ($6[]) ORDER BY created_at DESC, id DESC LIMIT $5
-- name: takeCommitted
UPDATE lovage_webhook_deliveries SET waits_for = NULL, updated_at = $1 WHERE id IN (
  SELECT id FROM lovage_webhook_deliveries WHERE waits_for = 'commit' ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id
