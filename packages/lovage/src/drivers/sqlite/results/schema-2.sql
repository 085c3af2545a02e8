-- Results in the order in which they were stored: ids are random, and a row kept by its id changed a page of its own.
ALTER TABLE lovage_result RENAME TO lovage_result_by_id;
CREATE TABLE lovage_result (
  task_id TEXT NOT NULL,
  status TEXT NOT NULL,
  result TEXT NOT NULL,
  traceback TEXT,
  children TEXT NOT NULL,
  date_done TEXT,
  stored_ms INTEGER NOT NULL,
  group_id TEXT,
  parent_id TEXT,
  extended TEXT
);
INSERT INTO lovage_result SELECT * FROM lovage_result_by_id ORDER BY stored_ms;
DROP TABLE lovage_result_by_id;
CREATE UNIQUE INDEX ix_lovage_result_task ON lovage_result (task_id);
CREATE INDEX ix_lovage_result_stored ON lovage_result (stored_ms);
