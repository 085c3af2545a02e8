-- name: oldDeliveries
DELETE FROM lovage_webhook_deliveries WHERE id IN (
  SELECT id FROM lovage_webhook_deliveries WHERE id < $1 AND updated_at < $2 AND state IN ('success', 'exhausted', 'cancelled')
  ORDER BY id LIMIT $3) RETURNING id
-- name: oldEvents
DELETE FROM lovage_webhook_events WHERE (tenant, id) IN (
  SELECT e.tenant, e.id FROM lovage_webhook_events e WHERE e.created_at < $1 AND NOT EXISTS (
    SELECT 1 FROM lovage_webhook_deliveries d WHERE d.tenant = e.tenant AND d.event_id = e.id) ORDER BY e.created_at LIMIT $2)
RETURNING tenant, id
-- name: keepEvents
UPDATE lovage_webhook_events SET day = $2 WHERE day < $1 RETURNING tenant, id, day
-- name: keepBodies
UPDATE lovage_webhook_bodies AS b SET day = $2 WHERE b.day < $1 AND EXISTS (
  SELECT 1 FROM lovage_webhook_events e WHERE e.tenant = b.tenant AND e.id = b.event_id)
-- name: keepDeliveries
UPDATE lovage_webhook_deliveries SET event_day = $2 WHERE event_day < $1
-- name: oldBodies
DELETE FROM lovage_webhook_bodies WHERE day < $1
-- name: keepAttempts
UPDATE lovage_webhook_attempts AS a SET day = $2 WHERE a.day < $1 AND EXISTS (
  SELECT 1 FROM lovage_webhook_deliveries d WHERE d.id = a.delivery_id)
-- name: oldAttempts
DELETE FROM lovage_webhook_attempts WHERE day < $1
-- name: oldDocuments
DELETE FROM lovage_webhook_documents WHERE expires_at <= $1
-- name: oldSecrets
DELETE FROM lovage_webhook_secrets WHERE expires_at <= $1
