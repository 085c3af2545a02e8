-- Statements of the embedded broker. A claimed row belongs to (seq, claims, holder): a later claim has another `claims`.
-- name: insert
INSERT INTO lovage_message (queue, level, place, due_ms, state, task_id, task, raw)
VALUES (?1, ?2, (SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lovage_message'), ?3, ?4, ?5, ?6, ?7)
-- name: claim
UPDATE lovage_message SET state = 2, holder = ?2, lease_ms = ?3, claims = claims + 1
WHERE seq IN (SELECT seq FROM lovage_message WHERE queue = ?1 AND state = 0 ORDER BY level, place, due_ms, seq LIMIT ?4)
RETURNING seq, claims, redeliveries, raw, level, place, due_ms
-- name: readyQueues
WITH RECURSIVE found(queue) AS (
  SELECT min(queue) FROM lovage_message WHERE state = 0
  UNION ALL SELECT (SELECT min(queue) FROM lovage_message WHERE state = 0 AND queue > found.queue) FROM found WHERE found.queue IS NOT NULL)
SELECT queue FROM found WHERE queue IS NOT NULL LIMIT ?1
-- name: readyOf
SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM lovage_message WHERE queue = value AND state = 0) LIMIT ?2
-- name: ack
DELETE FROM lovage_message WHERE seq = ?1 AND claims = ?2 AND holder = ?3 AND state = 2
-- name: requeue
UPDATE lovage_message SET state = 0, holder = NULL, lease_ms = NULL, redeliveries = redeliveries + ?4
WHERE seq = ?1 AND claims = ?2 AND holder = ?3 AND state = 2
-- name: postpone
UPDATE lovage_message SET state = 1, holder = NULL, lease_ms = NULL, due_ms = ?4
WHERE seq = ?1 AND claims = ?2 AND holder = ?3 AND state = 2
-- name: owns
SELECT queue FROM lovage_message WHERE seq = ?1 AND claims = ?2 AND holder = ?3 AND state = 2
-- name: promote
UPDATE lovage_message SET state = 0, place = (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'lovage_message')
WHERE state = 1 AND due_ms <= ?1
-- name: nextDue
SELECT min(due_ms) FROM lovage_message WHERE state = 1
-- name: restore
UPDATE lovage_message SET state = 0, holder = NULL, lease_ms = NULL, redeliveries = redeliveries + 1
WHERE state = 2 AND lease_ms <= ?1 AND holder <> ?2
-- name: renew
UPDATE lovage_message SET lease_ms = ?2 WHERE state = 2 AND holder = ?1
-- name: release
UPDATE lovage_message SET state = 0, holder = NULL, lease_ms = NULL, redeliveries = redeliveries + 1 WHERE state = 2 AND holder = ?1
-- name: held
SELECT seq, claims FROM lovage_message WHERE state = 2 AND holder = ?1
-- name: heldTasks
SELECT DISTINCT task FROM lovage_message WHERE state = 2 AND holder = ?1 AND task IS NOT NULL LIMIT 20
-- name: bind
INSERT OR REPLACE INTO lovage_binding (exchange, type, routing_key, queue) VALUES (?1, ?2, ?3, ?4)
-- name: bindings
SELECT type, routing_key, queue FROM lovage_binding WHERE exchange = ?1
-- name: allBindings
SELECT exchange, type, routing_key, queue FROM lovage_binding
-- name: addQueue
INSERT OR IGNORE INTO lovage_queue (name) VALUES (?1)
-- name: once
INSERT INTO lovage_once (key, expires_ms) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET expires_ms = ?2 WHERE expires_ms <= ?3
-- name: dropOnce
DELETE FROM lovage_once WHERE expires_ms <= ?1
-- name: depths
SELECT queue, state, count(*) FROM lovage_message WHERE queue IN (SELECT value FROM json_each(?1)) GROUP BY queue, state
-- name: due
SELECT queue, count(*) FROM lovage_message WHERE queue IN (SELECT value FROM json_each(?1)) AND state = 1 AND due_ms <= ?2 GROUP BY queue
-- name: queues
SELECT name FROM lovage_queue ORDER BY name
-- name: purge
DELETE FROM lovage_message WHERE queue = ?1 AND state <> 2
-- name: browse
SELECT seq, task_id, task, state, due_ms, raw, holder, redeliveries FROM lovage_message WHERE queue = ?1 AND (?2 IS NULL OR state = ?2)
ORDER BY state, CASE state WHEN 1 THEN due_ms ELSE level END, place, due_ms, seq LIMIT ?3 OFFSET ?4
-- name: move
UPDATE lovage_message SET queue = ?2 WHERE queue = ?1 AND state = 0
-- name: find
-- One state at a time, because each has its own index.
SELECT queue, seq, claims, task_id, task, state, due_ms, raw, holder, redeliveries FROM lovage_message
WHERE state = 1 AND task_id IN (SELECT value FROM json_each(?1))
UNION ALL SELECT queue, seq, claims, task_id, task, state, due_ms, raw, holder, redeliveries FROM lovage_message
WHERE state = 0 AND task_id IN (SELECT value FROM json_each(?1))
UNION ALL SELECT queue, seq, claims, task_id, task, state, due_ms, raw, holder, redeliveries FROM lovage_message
WHERE state = 2 AND task_id IN (SELECT value FROM json_each(?1))
-- name: remove
DELETE FROM lovage_message WHERE seq IN (
  SELECT seq FROM lovage_message WHERE state = 1 AND task_id IN (SELECT value FROM json_each(?1))
  UNION ALL SELECT seq FROM lovage_message WHERE state = 0 AND task_id IN (SELECT value FROM json_each(?1)))
-- name: reschedule
UPDATE lovage_message SET state = 1, due_ms = ?3, raw = ?4 WHERE seq = ?1 AND claims = ?2 AND state <> 2
