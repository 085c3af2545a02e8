-- Broadcasts to current listeners.
-- name: broadcast
INSERT INTO lovage_broadcast (exchange, routing_key, raw, sent_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
-- name: heard
SELECT id, routing_key, raw FROM lovage_broadcast WHERE exchange = ?1 AND id > ?2 ORDER BY id
-- name: lastHeard
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'lovage_broadcast'
-- name: forgetBroadcasts
DELETE FROM lovage_broadcast WHERE until_ms < ?1
-- name: listeners
SELECT count(*) FROM lovage_listener WHERE exchange = ?1 AND until_ms > ?2
-- name: listen
INSERT OR REPLACE INTO lovage_listener (id, exchange, until_ms) VALUES (?1, ?2, ?3)
-- name: listenNoMore
DELETE FROM lovage_listener WHERE id = ?1
-- name: forgetListeners
DELETE FROM lovage_listener WHERE until_ms <= ?1
