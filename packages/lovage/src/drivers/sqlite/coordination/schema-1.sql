-- What processes agree on. Times are Unix milliseconds; a row whose time is past counts as absent.
CREATE TABLE lovage_lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE lovage_turn (key TEXT PRIMARY KEY, next_ms REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE lovage_slot (key TEXT NOT NULL, member TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (key, member)) WITHOUT ROWID;
CREATE TABLE lovage_mark (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires_ms INTEGER, PRIMARY KEY (space, key)) WITHOUT ROWID;
CREATE TABLE lovage_token (last INTEGER NOT NULL);
INSERT INTO lovage_token (last) VALUES (0);
