-- The sketches of blocks find names and workers as fast, and cost a write nothing more.
DROP INDEX task_name;
DROP INDEX task_worker;
