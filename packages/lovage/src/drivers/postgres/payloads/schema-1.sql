-- Bodies of messages, and results, that are too large for where they would be. `day` is the last one on which they are needed; NULL = for ever.
CREATE TABLE IF NOT EXISTS lovage_payload (
  key text PRIMARY KEY,
  day date,
  bytes bytea NOT NULL
);
-- They do not compress again, and are read as a whole.
ALTER TABLE lovage_payload ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS lovage_payload_day ON lovage_payload (day) WHERE day IS NOT NULL;
