-- Messages. `state`: 0 ready, 1 delayed, 2 claimed. `level` is kombu's wire priority (lowest first); `place` orders messages
-- of a level by the moment at which they became ready. A claim is named by (id, claim, holder). `raw` is kombu's envelope.
-- Times are Unix milliseconds of the server's clock.
CREATE SEQUENCE lovage_message_id;
CREATE TABLE lovage_message (
  id bigint PRIMARY KEY DEFAULT nextval('lovage_message_id'),
  queue text NOT NULL,
  level smallint NOT NULL DEFAULT 0,
  place bigint NOT NULL,
  due_ms double precision NOT NULL DEFAULT 0,
  state smallint NOT NULL DEFAULT 0,
  holder text,
  claim bigint,
  redeliveries integer NOT NULL DEFAULT 0,
  task_id text,
  task text,
  raw text NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ix_lovage_message_ready ON lovage_message (queue, level, place, id) WHERE state = 0;
CREATE INDEX ix_lovage_message_delayed ON lovage_message (due_ms) WHERE state = 1;
CREATE INDEX ix_lovage_message_claimed ON lovage_message (holder) WHERE state = 2;

-- Who holds messages, and until when without a sign of life.
CREATE TABLE lovage_holder (holder text PRIMARY KEY, expires_ms bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE lovage_binding (
  exchange text NOT NULL, type text NOT NULL, routing_key text NOT NULL, queue text NOT NULL,
  PRIMARY KEY (exchange, routing_key, queue)
);
CREATE TABLE lovage_queue (name text PRIMARY KEY);
CREATE TABLE lovage_once (key text PRIMARY KEY, expires_ms bigint NOT NULL);
-- Broadcasts that are too long for a notification; they live for a minute.
CREATE TABLE lovage_broadcast (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, raw text NOT NULL, sent_ms bigint NOT NULL);
