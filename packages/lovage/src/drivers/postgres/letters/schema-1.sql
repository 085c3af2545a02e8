-- Messages that no worker will run again by itself. `id` is made from task id and attempt, so that a letter that
-- is stored twice is one letter. Times are Unix ms.
CREATE TABLE IF NOT EXISTS dead_letter_tasks (
  id text PRIMARY KEY,
  task_id text,
  task text,
  queue text NOT NULL,
  reason text NOT NULL,
  error_type text NOT NULL,
  error_message text NOT NULL,
  traceback text,
  retries integer NOT NULL,
  redeliveries integer NOT NULL,
  worker text NOT NULL,
  failed_ms bigint NOT NULL,
  raw bytea NOT NULL,
  raw_is_text boolean NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letter_tasks_newest ON dead_letter_tasks (failed_ms DESC, id COLLATE "C" DESC);
CREATE INDEX IF NOT EXISTS dead_letter_tasks_queue ON dead_letter_tasks (queue, failed_ms DESC, id COLLATE "C" DESC);
