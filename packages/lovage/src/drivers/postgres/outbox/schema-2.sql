-- Tasks are found by their ids: a unique call looks for the one that holds its key.
ALTER TABLE lovage_outbox ADD COLUMN task_id text;
CREATE INDEX ix_lovage_outbox_task ON lovage_outbox (task_id);
