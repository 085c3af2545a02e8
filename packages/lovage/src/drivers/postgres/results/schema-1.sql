-- Celery's own tables, as SQLAlchemy makes them and Python reads and writes them, with the columns of `result_extended`
-- also where Python made the table without. Beyond Celery: `id` holds more than 2^31 rows, `lovage_more` is JSON of what
-- Celery's columns have no room for (children, group, parent, stamps), and writers of any language tell who waits.
CREATE SEQUENCE IF NOT EXISTS task_id_sequence;
CREATE SEQUENCE IF NOT EXISTS taskset_id_sequence;
CREATE TABLE IF NOT EXISTS celery_taskmeta (
  id bigint NOT NULL PRIMARY KEY,
  task_id varchar(155) UNIQUE,
  status varchar(50),
  result bytea,
  date_done timestamp without time zone,
  traceback text
);
ALTER TABLE celery_taskmeta
  ADD COLUMN IF NOT EXISTS name varchar(155),
  ADD COLUMN IF NOT EXISTS args bytea,
  ADD COLUMN IF NOT EXISTS kwargs bytea,
  ADD COLUMN IF NOT EXISTS worker varchar(155),
  ADD COLUMN IF NOT EXISTS retries integer,
  ADD COLUMN IF NOT EXISTS queue varchar(155),
  ADD COLUMN IF NOT EXISTS lovage_more text;
-- Python's groups, which only Python reads and writes: they are pickled objects.
CREATE TABLE IF NOT EXISTS celery_tasksetmeta (
  id bigint NOT NULL PRIMARY KEY,
  taskset_id varchar(155) UNIQUE,
  result bytea,
  date_done timestamp without time zone
);
CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON celery_taskmeta (date_done);
CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_status ON celery_taskmeta (status);
CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON celery_tasksetmeta (date_done);

-- Tells the ids of changed rows, in payloads well below the 8000 bytes that one may have.
CREATE OR REPLACE FUNCTION lovage_tell_results() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_notify('lovage_results', page.ids) FROM (
    SELECT string_agg(sized.task_id, ',') AS ids FROM (
      SELECT task_id, sum(octet_length(task_id) + 1) OVER (ROWS UNBOUNDED PRECEDING) / 6000 AS number FROM changed
    ) AS sized GROUP BY sized.number
  ) AS page;
  RETURN NULL;
END
$body$;
DROP TRIGGER IF EXISTS lovage_tell_inserted ON celery_taskmeta;
CREATE TRIGGER lovage_tell_inserted AFTER INSERT ON celery_taskmeta
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lovage_tell_results();
DROP TRIGGER IF EXISTS lovage_tell_updated ON celery_taskmeta;
CREATE TRIGGER lovage_tell_updated AFTER UPDATE ON celery_taskmeta
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lovage_tell_results();
