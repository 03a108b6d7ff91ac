-- $1 user_id, $2 id, $3 thread, $4 created_at, $5 metadata
INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at, metadata)
VALUES ($1::VARCHAR, $2::VARCHAR, CAST($3::VARCHAR AS JSON), 0, $4::TIMESTAMP WITH TIME ZONE, now(), CAST($5::VARCHAR AS JSONB))
ON CONFLICT (user_id, id)
DO UPDATE SET thread = excluded.thread, updated_at = excluded.updated_at, metadata = excluded.metadata
