-- The order of changes, by which a dashboard reads what it and others have changed since it last looked.
CREATE SEQUENCE block_change;
ALTER TABLE block ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX block_changed ON block (changed);
