CREATE TABLE settled (task_id TEXT NOT NULL);
