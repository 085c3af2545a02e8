-- Who listens to broadcasts, and until when that is believed: what nobody hears is not written.
CREATE TABLE lovage_listener (id TEXT PRIMARY KEY, exchange TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
-- What was said is found by the time until which it is kept, without reading it.
ALTER TABLE lovage_broadcast ADD COLUMN until_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX lovage_broadcast_until ON lovage_broadcast (until_ms);
-- A worker listens for orders, and must not read what others tell a monitor.
CREATE INDEX lovage_broadcast_exchange ON lovage_broadcast (exchange, id);
