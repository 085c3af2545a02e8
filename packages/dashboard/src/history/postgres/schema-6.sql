-- Workflows of groups too: the members of one that was called by itself are each their own root.
DROP INDEX task_child;
CREATE INDEX task_child ON task (key) WHERE root_id <> id OR group_id IS NOT NULL;
CREATE INDEX task_group ON task (group_id) WHERE group_id IS NOT NULL;
