-- Shared by all rooms: the completed migration steps, and the server's clock in Unix milliseconds.
CREATE TABLE IF NOT EXISTS lovage_schema (name text PRIMARY KEY, version integer NOT NULL);
CREATE OR REPLACE FUNCTION lovage_now() RETURNS bigint LANGUAGE sql VOLATILE AS
  'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
