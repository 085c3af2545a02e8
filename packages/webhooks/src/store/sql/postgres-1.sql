-- Version 1. Times are milliseconds since 1970, days their 86,400,000th part. Ids sort by time, byte by byte.
CREATE TABLE lovage_webhook_endpoints (
  id text COLLATE "C" PRIMARY KEY, tenant text NOT NULL, settings text NOT NULL, is_enabled smallint NOT NULL,
  disabled_reason text, disabled_at bigint, sealed_tls bytea, created_at bigint NOT NULL, updated_at bigint NOT NULL,
  deleted_at bigint);
CREATE INDEX lovage_webhook_endpoints_tenant ON lovage_webhook_endpoints (tenant, id) WHERE deleted_at IS NULL;
-- Which types an endpoint takes: whole names, `order.*`, or `*`.
CREATE TABLE lovage_webhook_patterns (
  tenant text NOT NULL, pattern text NOT NULL, endpoint_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pattern, endpoint_id));
CREATE INDEX lovage_webhook_patterns_endpoint ON lovage_webhook_patterns (endpoint_id);
CREATE TABLE lovage_webhook_secrets (
  id text COLLATE "C" PRIMARY KEY, endpoint_id text COLLATE "C" NOT NULL, scheme text NOT NULL, public_key text,
  sealed bytea NOT NULL, created_at bigint NOT NULL, expires_at bigint);
CREATE INDEX lovage_webhook_secrets_endpoint ON lovage_webhook_secrets (endpoint_id);
CREATE TABLE lovage_webhook_lanes (
  endpoint_id text COLLATE "C" PRIMARY KEY, circuit_window text NOT NULL DEFAULT '', circuit text NOT NULL DEFAULT 'closed',
  circuit_until bigint NOT NULL DEFAULT 0, rate_tat double precision NOT NULL DEFAULT 0, failing_since bigint,
  warned_percent integer NOT NULL DEFAULT 0, has_waiting smallint NOT NULL DEFAULT 0, wake_at bigint NOT NULL DEFAULT 0);
CREATE TABLE lovage_webhook_events (
  tenant text NOT NULL, id text COLLATE "C" NOT NULL, type text NOT NULL, ordering_key text, dedup_key text,
  body_bytes integer NOT NULL, body_hash text NOT NULL, day integer NOT NULL, created_at bigint NOT NULL,
  PRIMARY KEY (tenant, id));
CREATE INDEX lovage_webhook_events_time ON lovage_webhook_events (tenant, created_at, id);
CREATE INDEX lovage_webhook_events_old ON lovage_webhook_events (created_at);
CREATE UNIQUE INDEX lovage_webhook_events_dedup ON lovage_webhook_events (tenant, dedup_key) WHERE dedup_key IS NOT NULL;
-- Bodies lie apart, by days that are dropped whole.
CREATE TABLE lovage_webhook_bodies (
  day integer NOT NULL, tenant text NOT NULL, event_id text COLLATE "C" NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (day, tenant, event_id)) PARTITION BY RANGE (day);
CREATE TABLE lovage_webhook_bodies_rest PARTITION OF lovage_webhook_bodies DEFAULT;
ALTER TABLE lovage_webhook_bodies ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE lovage_webhook_deliveries (
  id text COLLATE "C" PRIMARY KEY, tenant text NOT NULL, event_id text COLLATE "C" NOT NULL,
  endpoint_id text COLLATE "C" NOT NULL, event_type text NOT NULL, ordering_key text, state text NOT NULL, waits_for text,
  attempts integer NOT NULL DEFAULT 0, due_at bigint, claimant text, last_outcome text, last_status integer,
  event_day integer NOT NULL, event_at bigint NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL)
  WITH (fillfactor = 85);
CREATE INDEX lovage_webhook_deliveries_tenant ON lovage_webhook_deliveries (tenant, id);
CREATE INDEX lovage_webhook_deliveries_state ON lovage_webhook_deliveries (tenant, state, id) WHERE state <> 'success';
CREATE INDEX lovage_webhook_deliveries_endpoint ON lovage_webhook_deliveries (endpoint_id, id);
CREATE INDEX lovage_webhook_deliveries_event ON lovage_webhook_deliveries (tenant, event_id);
CREATE INDEX lovage_webhook_deliveries_due ON lovage_webhook_deliveries (due_at)
  WHERE state IN ('pending', 'failed', 'processing');
CREATE INDEX lovage_webhook_deliveries_open ON lovage_webhook_deliveries (endpoint_id, state, id)
  WHERE state IN ('pending', 'failed', 'processing', 'held');
CREATE INDEX lovage_webhook_deliveries_order ON lovage_webhook_deliveries (endpoint_id, ordering_key, id)
  WHERE ordering_key IS NOT NULL AND state IN ('pending', 'failed', 'processing', 'held');
CREATE INDEX lovage_webhook_deliveries_commit ON lovage_webhook_deliveries (id) WHERE waits_for = 'commit';
CREATE TABLE lovage_webhook_attempts (
  day integer NOT NULL, id text COLLATE "C" NOT NULL, delivery_id text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL, endpoint_id text COLLATE "C" NOT NULL, tenant text NOT NULL, number integer NOT NULL,
  trigger text NOT NULL, started_at bigint NOT NULL, duration_ms double precision NOT NULL, outcome text NOT NULL,
  status integer, error text, response_headers text, response_body text, response_encoding text, is_truncated smallint
  ) PARTITION BY RANGE (day);
CREATE TABLE lovage_webhook_attempts_rest PARTITION OF lovage_webhook_attempts DEFAULT;
CREATE INDEX lovage_webhook_attempts_delivery ON lovage_webhook_attempts (delivery_id, id);
CREATE INDEX lovage_webhook_attempts_endpoint ON lovage_webhook_attempts (endpoint_id, id);
CREATE TABLE lovage_webhook_documents (
  kind text NOT NULL, key text COLLATE "C" NOT NULL, value text NOT NULL, expires_at bigint, PRIMARY KEY (kind, key));
CREATE INDEX lovage_webhook_documents_end ON lovage_webhook_documents (expires_at) WHERE expires_at IS NOT NULL;
