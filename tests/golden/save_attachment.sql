-- $1 user_id, $2 id, $3 attachment
INSERT INTO chatkit_attachments (user_id, id, attachment, created_at, updated_at)
VALUES ($1::VARCHAR, $2::VARCHAR, CAST($3::VARCHAR AS JSON), now(), now())
ON CONFLICT (user_id, id)
DO UPDATE SET thread_id = excluded.thread_id, attachment = excluded.attachment, updated_at = excluded.updated_at
