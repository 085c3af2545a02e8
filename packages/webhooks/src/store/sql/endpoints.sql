-- name: insert
INSERT INTO lovage_webhook_endpoints
  (id, tenant, settings, is_enabled, disabled_reason, disabled_at, sealed_tls, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (id) DO NOTHING RETURNING id
-- name: insertLane
INSERT INTO lovage_webhook_lanes (endpoint_id) VALUES ($1) ON CONFLICT (endpoint_id) DO NOTHING
-- name: insertPatterns
INSERT INTO lovage_webhook_patterns (tenant, pattern, endpoint_id)
SELECT r.tenant, r.pattern, r.endpoint_id FROM ROWS($1: tenant text, pattern text, endpoint_id text) WHERE true
ON CONFLICT (tenant, pattern, endpoint_id) DO NOTHING
-- name: deletePatterns
DELETE FROM lovage_webhook_patterns WHERE endpoint_id = $1
-- name: get
SELECT * FROM lovage_webhook_endpoints WHERE id IN ($1[]) AND deleted_at IS NULL
-- name: list
SELECT * FROM lovage_webhook_endpoints
WHERE tenant = $1 AND deleted_at IS NULL AND id < $2 AND ($3 = -1 OR is_enabled = $3) ORDER BY id DESC LIMIT $4
-- name: lock
SELECT * FROM lovage_webhook_endpoints WHERE id = $1 AND tenant = $2 AND deleted_at IS NULL FOR UPDATE
-- name: update
UPDATE lovage_webhook_endpoints SET settings = $2, sealed_tls = $3, updated_at = $4 WHERE id = $1
-- name: setEnabled
UPDATE lovage_webhook_endpoints SET is_enabled = $2, disabled_reason = $3, disabled_at = $4, updated_at = $5 WHERE id = $1
-- name: lockLane
SELECT endpoint_id FROM lovage_webhook_lanes WHERE endpoint_id = $1 FOR UPDATE
-- name: resetLane
UPDATE lovage_webhook_lanes SET circuit_window = '', circuit = 'closed', circuit_until = 0, failing_since = NULL,
  warned_percent = 0, has_waiting = 1, wake_at = 0 WHERE endpoint_id = $1
-- name: unhold
UPDATE lovage_webhook_deliveries SET state = 'pending', waits_for = 'concurrency', due_at = $2, updated_at = $2
WHERE endpoint_id = $1 AND state = 'held'
-- name: hold
UPDATE lovage_webhook_deliveries SET state = $3, waits_for = NULL, due_at = NULL, updated_at = $2
WHERE endpoint_id = $1 AND state IN ('pending', 'failed')
-- name: markDeleted
UPDATE lovage_webhook_endpoints SET deleted_at = $2, is_enabled = 0, sealed_tls = NULL, updated_at = $2 WHERE id = $1
-- name: cancelAll
UPDATE lovage_webhook_deliveries SET state = 'cancelled', waits_for = NULL, due_at = NULL, updated_at = $2
WHERE endpoint_id = $1 AND state IN ('pending', 'failed', 'held')
-- name: deleteSecrets
DELETE FROM lovage_webhook_secrets WHERE endpoint_id = $1
-- name: insertSecret
INSERT INTO lovage_webhook_secrets (id, endpoint_id, scheme, public_key, sealed, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id
-- name: expireSecrets
UPDATE lovage_webhook_secrets SET expires_at = $3 WHERE endpoint_id = $1 AND scheme = $2 AND expires_at IS NULL
-- name: secretsOf
SELECT * FROM lovage_webhook_secrets WHERE endpoint_id IN ($1[]) AND (expires_at IS NULL OR expires_at > $2)
ORDER BY created_at DESC, id DESC
-- name: secrets
SELECT s.* FROM lovage_webhook_secrets s JOIN lovage_webhook_endpoints e ON e.id = s.endpoint_id
WHERE e.deleted_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $1) AND ($2 = '' OR s.scheme = $2)
  AND ($3 = '' OR s.endpoint_id = $3) ORDER BY s.created_at DESC, s.id DESC
-- name: reseal
UPDATE lovage_webhook_secrets SET sealed = $2 WHERE id = $1
-- name: tls
SELECT id, sealed_tls FROM lovage_webhook_endpoints WHERE sealed_tls IS NOT NULL AND deleted_at IS NULL
-- name: resealTls
UPDATE lovage_webhook_endpoints SET sealed_tls = $2 WHERE id = $1 AND sealed_tls = $3
-- name: ofDeliveries
SELECT e.* FROM lovage_webhook_endpoints e WHERE e.deleted_at IS NULL AND e.id IN (
  SELECT d.endpoint_id FROM lovage_webhook_deliveries d WHERE d.id IN ($1[]))
-- name: secretsOfDeliveries
SELECT s.* FROM lovage_webhook_secrets s WHERE (s.expires_at IS NULL OR s.expires_at > $2) AND s.endpoint_id IN (
  SELECT d.endpoint_id FROM lovage_webhook_deliveries d WHERE d.id IN ($1[])) ORDER BY s.created_at DESC, s.id DESC
