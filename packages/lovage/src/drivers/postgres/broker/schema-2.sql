-- Delayed messages are found by the ids of their tasks; those that wait are few, or soon gone.
CREATE INDEX ix_lovage_message_delayed_task ON lovage_message (task_id) WHERE state = 1;
