-- name: get
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id = $2
-- name: list
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT $4
-- name: listOfState
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id < $2 AND id >= $3 AND state = $5 AND state <> 'success'
ORDER BY id DESC LIMIT $4
-- name: listOfSuccess
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id < $2 AND id >= $3 AND state = $5 ORDER BY id DESC LIMIT $4
-- name: listOfEndpoint
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id < $2 AND id >= $3 AND endpoint_id = $5 AND ($6 = '' OR state = $6)
ORDER BY id DESC LIMIT $4
-- name: listOfEvent
SELECT * FROM lovage_webhook_deliveries WHERE tenant = $1 AND id < $2 AND id >= $3 AND event_id = $5 AND ($6 = '' OR state = $6)
ORDER BY id DESC LIMIT $4
-- name: attemptsOfDelivery
SELECT * FROM lovage_webhook_attempts WHERE tenant = $1 AND id < $2 AND delivery_id = $4 AND ($5 = '' OR outcome = $5)
ORDER BY id DESC LIMIT $3
-- name: attemptsOfEndpoint
SELECT * FROM lovage_webhook_attempts WHERE tenant = $1 AND id < $2 AND endpoint_id = $4 AND ($5 = '' OR outcome = $5)
ORDER BY id DESC LIMIT $3
-- name: attemptsOfEvent
SELECT a.* FROM lovage_webhook_attempts a WHERE a.tenant = $1 AND a.id < $2 AND ($5 = '' OR a.outcome = $5) AND a.delivery_id IN (
  SELECT d.id FROM lovage_webhook_deliveries d WHERE d.tenant = $1 AND d.event_id = $4) ORDER BY a.id DESC LIMIT $3
-- name: cancel
UPDATE lovage_webhook_deliveries SET state = 'cancelled', waits_for = NULL, due_at = NULL, updated_at = $3
WHERE tenant = $1 AND id = $2 AND state IN ('pending', 'failed', 'held') RETURNING endpoint_id
-- name: markWaiting
UPDATE lovage_webhook_lanes SET has_waiting = 1 WHERE endpoint_id = $1
-- name: counts
SELECT state, count(*) AS count, min(due_at) AS oldest_at FROM lovage_webhook_deliveries
WHERE state IN ('pending', 'failed', 'processing') GROUP BY state
-- name: circuits
SELECT l.circuit AS state, count(*) AS count FROM lovage_webhook_lanes l WHERE l.circuit <> 'closed' GROUP BY l.circuit
-- name: disabled
SELECT disabled_reason AS reason, count(*) AS count FROM lovage_webhook_endpoints
WHERE is_enabled = 0 AND deleted_at IS NULL GROUP BY disabled_reason
