-- The doorbells of the processes that wait for changes of this file.
CREATE TABLE lovage_peers (address TEXT PRIMARY KEY) WITHOUT ROWID;
