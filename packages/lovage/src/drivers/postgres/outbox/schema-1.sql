-- Messages that were written in their senders' transactions, on their way to a broker elsewhere. `raw` is kombu's envelope, `queues` a
-- JSON list of what has to be declared before; `error` is why a message cannot be published.
CREATE TABLE lovage_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  raw text NOT NULL,
  priority smallint,
  due_ms double precision,
  once_key text,
  once_ms double precision,
  queues text,
  error text
);
