-- name: put
INSERT INTO lovage_webhook_documents (kind, key, value, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
-- name: putIfAbsent
INSERT INTO lovage_webhook_documents (kind, key, value, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
WHERE lovage_webhook_documents.expires_at IS NOT NULL AND lovage_webhook_documents.expires_at <= $5
-- name: get
SELECT * FROM lovage_webhook_documents WHERE kind = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)
-- name: getMany
SELECT * FROM lovage_webhook_documents WHERE kind = $1 AND key IN ($2[]) AND (expires_at IS NULL OR expires_at > $3)
-- name: list
SELECT * FROM lovage_webhook_documents WHERE kind = $1 AND key > $2 AND key >= $3 AND key < $4
  AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6
-- name: delete
DELETE FROM lovage_webhook_documents WHERE kind = $1 AND key = $2 RETURNING key
