-- What processes agree on. Times are Unix milliseconds of the server's clock; a row whose time is past counts as absent.
CREATE TABLE lovage_lease (name text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, expires_ms bigint NOT NULL);
CREATE TABLE lovage_turn (key text PRIMARY KEY, next_ms double precision NOT NULL);
CREATE TABLE lovage_slot (key text NOT NULL, member text NOT NULL, expires_ms bigint NOT NULL, PRIMARY KEY (key, member));
CREATE TABLE lovage_mark (space text NOT NULL, key text NOT NULL, value text NOT NULL, expires_ms bigint, PRIMARY KEY (space, key));
CREATE INDEX ix_lovage_mark_expires ON lovage_mark (expires_ms) WHERE expires_ms IS NOT NULL;
-- One row: the greatest token of any lease.
CREATE TABLE lovage_token (last bigint NOT NULL);
INSERT INTO lovage_token (last) VALUES (0);
