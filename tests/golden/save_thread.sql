-- $1 user_id, $2 id, $3 thread, $4 created_at
INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
VALUES ($1::VARCHAR, $2::VARCHAR, CAST($3::VARCHAR AS JSON), 0, $4::TIMESTAMP WITH TIME ZONE, now())
ON CONFLICT (user_id, id)
DO UPDATE SET thread = excluded.thread, updated_at = excluded.updated_at
