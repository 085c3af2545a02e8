-- Sessions that were ended before their time: their cookies are worth nothing.
CREATE TABLE ended_session (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) WITHOUT ROWID;
