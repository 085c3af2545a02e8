-- Messages of the embedded broker. `state`: 0 ready, 1 delayed, 2 claimed. `level` is kombu's wire priority (lowest first);
-- `place` orders messages of a level. `raw` is kombu's envelope. Times are Unix milliseconds.
CREATE TABLE lovage_message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  due_ms REAL NOT NULL,
  state INTEGER NOT NULL,
  holder TEXT,
  lease_ms INTEGER,
  claims INTEGER NOT NULL DEFAULT 0,
  redeliveries INTEGER NOT NULL DEFAULT 0,
  task_id TEXT,
  task TEXT,
  raw NOT NULL
);
CREATE INDEX lovage_message_ready ON lovage_message (queue, level, place, due_ms, seq) WHERE state = 0;
CREATE INDEX lovage_message_delayed ON lovage_message (due_ms) WHERE state = 1;
CREATE INDEX lovage_message_claimed ON lovage_message (lease_ms) WHERE state = 2;

CREATE TABLE lovage_binding (
  exchange TEXT NOT NULL, type TEXT NOT NULL, routing_key TEXT NOT NULL, queue TEXT NOT NULL,
  PRIMARY KEY (exchange, routing_key, queue)
) WITHOUT ROWID;
CREATE TABLE lovage_queue (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE lovage_once (key TEXT PRIMARY KEY, expires_ms REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE lovage_broadcast (id INTEGER PRIMARY KEY AUTOINCREMENT, exchange TEXT NOT NULL, routing_key TEXT NOT NULL, raw TEXT NOT NULL, sent_ms INTEGER NOT NULL);
