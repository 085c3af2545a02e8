-- Statements of the coordination store; ?1 … in the order that each line names.
-- name: findLease
SELECT holder, token, expires_ms FROM lovage_lease WHERE name = ?1
-- name: nextToken
UPDATE lovage_token SET last = max(last + 1, ?1)
-- name: lastToken
SELECT last FROM lovage_token
-- name: putLease
INSERT INTO lovage_lease (name, holder, token, expires_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name) DO UPDATE SET holder = ?2, token = ?3, expires_ms = ?4
-- name: dropLease
DELETE FROM lovage_lease WHERE name = ?1 AND token = ?2
-- name: findTurn
SELECT next_ms FROM lovage_turn WHERE key = ?1
-- name: putTurn
INSERT INTO lovage_turn (key, next_ms) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET next_ms = ?2
-- name: dropSlots
DELETE FROM lovage_slot WHERE key = ?1 AND expires_ms <= ?2
-- name: countOthers
SELECT count(*) FROM lovage_slot WHERE key = ?1 AND member <> ?2
-- name: putSlot
INSERT INTO lovage_slot (key, member, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT (key, member) DO UPDATE SET expires_ms = ?3
-- name: dropSlot
DELETE FROM lovage_slot WHERE key = ?1 AND member = ?2
-- name: dropMarks
DELETE FROM lovage_mark WHERE space = ?1 AND expires_ms <= ?2
-- name: findMark
SELECT key, value, expires_ms FROM lovage_mark WHERE space = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)
-- name: listMarks
SELECT key, value, expires_ms FROM lovage_mark WHERE space = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)
-- name: putMark
INSERT INTO lovage_mark (space, key, value, expires_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (space, key) DO UPDATE SET value = ?3, expires_ms = ?4
-- name: dropMark
DELETE FROM lovage_mark WHERE space = ?1 AND key = ?2 AND (?3 IS NULL OR value = ?3)
-- name: addChange
INSERT INTO lovage_mark_change (space, key, at_ms) VALUES (?1, ?2, ?3)
-- name: dropChanges
DELETE FROM lovage_mark_change WHERE seq < (SELECT max(seq) FROM lovage_mark_change) AND at_ms < ?1
-- name: firstChange
SELECT min(seq) FROM lovage_mark_change
-- name: lastChange
SELECT max(seq) FROM lovage_mark_change
-- name: changesSince
SELECT DISTINCT key FROM lovage_mark_change WHERE seq > ?1 AND space = ?2
