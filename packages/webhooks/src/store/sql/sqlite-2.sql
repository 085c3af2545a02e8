-- Version 2: test events, which are attempted once.
ALTER TABLE lovage_webhook_deliveries ADD COLUMN is_test smallint NOT NULL DEFAULT 0;
