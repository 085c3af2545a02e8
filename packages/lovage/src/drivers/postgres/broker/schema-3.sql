-- The last statement of each publisher: one whose answer was lost is sent again under its number, and dropped if it had been carried out.
CREATE TABLE lovage_publisher (name text PRIMARY KEY, number bigint NOT NULL, seen_ms bigint NOT NULL) WITH (fillfactor = 50);
