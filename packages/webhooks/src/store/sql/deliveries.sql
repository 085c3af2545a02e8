-- name: lockLanes
SELECT * FROM lovage_webhook_lanes WHERE endpoint_id IN (
  SELECT endpoint_id FROM lovage_webhook_deliveries WHERE id IN ($1[])) ORDER BY endpoint_id FOR UPDATE
-- name: lockLanesOf
SELECT * FROM lovage_webhook_lanes WHERE endpoint_id IN ($1[]) ORDER BY endpoint_id FOR UPDATE
-- name: readLanes
SELECT * FROM lovage_webhook_lanes WHERE endpoint_id IN ($1[])
-- name: saveLanes
UPDATE lovage_webhook_lanes AS l SET circuit_window = r.circuit_window, circuit = r.circuit, circuit_until = r.circuit_until,
  rate_tat = r.rate_tat, failing_since = r.failing_since, warned_percent = r.warned_percent, has_waiting = r.has_waiting,
  wake_at = r.wake_at
FROM ROWS($1: key text, circuit_window text, circuit text, circuit_until bigint, rate_tat double precision, failing_since bigint, warned_percent integer, has_waiting integer, wake_at bigint)
WHERE l.endpoint_id = r.key
-- name: load
SELECT * FROM lovage_webhook_deliveries WHERE id IN ($1[]) ORDER BY id FOR UPDATE
-- name: inFlight
SELECT endpoint_id, count(*) AS count FROM lovage_webhook_deliveries
WHERE endpoint_id IN ($1[]) AND state = 'processing' AND due_at > $2 GROUP BY endpoint_id
-- name: blockedByOrder
SELECT d.id FROM lovage_webhook_deliveries d WHERE d.id IN ($1[]) AND d.ordering_key IS NOT NULL AND EXISTS (
  SELECT 1 FROM lovage_webhook_deliveries p WHERE p.endpoint_id = d.endpoint_id AND p.ordering_key = d.ordering_key
    AND p.ordering_key IS NOT NULL AND p.id < d.id AND p.state IN ('pending', 'failed', 'processing', 'held'))
-- name: begin
UPDATE lovage_webhook_deliveries AS d SET state = 'processing', waits_for = NULL, claimant = r.claimant, due_at = r.due_at,
  updated_at = $2
FROM ROWS($1: key text, claimant text, due_at bigint) WHERE d.id = r.key
-- name: setWaiting
UPDATE lovage_webhook_deliveries AS d SET state = r.state, waits_for = r.waits_for, due_at = r.due_at, updated_at = $2
FROM ROWS($1: key text, state text, waits_for text, due_at bigint) WHERE d.id = r.key
-- name: bodies
SELECT tenant, event_id, body FROM lovage_webhook_bodies WHERE day IN ($1int[]) AND tenant IN ($2[]) AND event_id IN ($3[])
-- name: insertAttempts
INSERT INTO lovage_webhook_attempts (day, id, delivery_id, event_id, endpoint_id, tenant, number, trigger, started_at, duration_ms,
  outcome, status, error, response_headers, response_body, response_encoding, is_truncated)
SELECT r.day, r.id, r.delivery_id, r.event_id, r.endpoint_id, r.tenant, r.number, r.trigger, r.started_at, r.duration_ms,
  r.outcome, r.status, r.error, r.response_headers, r.response_body, r.response_encoding, r.is_truncated
FROM ROWS($1: day integer, id text, delivery_id text, event_id text, endpoint_id text, tenant text, number integer, trigger text, started_at bigint, duration_ms double precision, outcome text, status integer, error text, response_headers text, response_body text, response_encoding text, is_truncated integer)
-- name: settle
UPDATE lovage_webhook_deliveries AS d SET state = r.state, due_at = r.due_at, attempts = d.attempts + 1, claimant = NULL,
  last_outcome = r.outcome, last_status = r.status, updated_at = $2
FROM ROWS($1: key text, claimant text, state text, due_at bigint, outcome text, status integer)
WHERE d.id = r.key AND d.claimant = r.claimant AND d.state = 'processing' RETURNING id
-- name: replayed
UPDATE lovage_webhook_deliveries AS d SET state = 'success', last_outcome = r.outcome, last_status = r.status, updated_at = $2
FROM ROWS($1: key text, outcome text, status integer) WHERE d.id = r.key AND d.state IN ('exhausted', 'cancelled')
-- name: waiting
SELECT d.id FROM lovage_webhook_deliveries d WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.waits_for IS NOT NULL
  AND d.waits_for <> 'commit' ORDER BY d.id LIMIT $2
-- name: waitingInOrder
SELECT d.id FROM lovage_webhook_deliveries d WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.waits_for IS NOT NULL
  AND d.waits_for <> 'commit' AND (d.ordering_key IS NULL OR NOT EXISTS (
    SELECT 1 FROM lovage_webhook_deliveries p WHERE p.endpoint_id = d.endpoint_id AND p.ordering_key = d.ordering_key
      AND p.ordering_key IS NOT NULL AND p.id < d.id AND p.state IN ('pending', 'failed', 'processing', 'held')))
ORDER BY d.id LIMIT $2
-- name: unwait
UPDATE lovage_webhook_deliveries SET waits_for = NULL, due_at = $2, updated_at = $2 WHERE id IN ($1[])
-- name: sweep
SELECT id, state FROM lovage_webhook_deliveries
WHERE state IN ('pending', 'failed', 'processing') AND due_at <= $1 AND (state = 'failed' OR (due_at <= $2 AND updated_at <= $2))
ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
-- name: sweptUp
UPDATE lovage_webhook_deliveries SET state = 'pending', waits_for = NULL, claimant = NULL, due_at = $2, updated_at = $2 WHERE id IN ($1[])
