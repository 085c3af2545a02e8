-- Messages that no worker will run again by itself. `id` is made from task id and attempt, so that a letter that
-- is stored twice is one letter.
CREATE TABLE dead_letter_tasks (
  id TEXT PRIMARY KEY,
  task_id TEXT,
  task TEXT,
  queue TEXT NOT NULL,
  reason TEXT NOT NULL,
  error_type TEXT NOT NULL,
  error_message TEXT NOT NULL,
  traceback TEXT,
  retries INTEGER NOT NULL,
  redeliveries INTEGER NOT NULL,
  worker TEXT NOT NULL,
  failed_ms INTEGER NOT NULL,
  raw NOT NULL -- text, or a blob where the broker held bytes
) WITHOUT ROWID;

CREATE INDEX dead_letter_tasks_newest ON dead_letter_tasks (failed_ms DESC, id DESC);
CREATE INDEX dead_letter_tasks_queue ON dead_letter_tasks (queue, failed_ms DESC, id DESC);
