-- $1 id, $2 type, $3 status, $4 item, $5 created_at, $6 user_id, $7 thread_id
WITH thread AS (
    UPDATE chatkit_threads
    SET last_sort_key=(chatkit_threads.last_sort_key + 1), updated_at=now()
    WHERE chatkit_threads.user_id = $6::VARCHAR
    AND chatkit_threads.id = $7::VARCHAR
    RETURNING chatkit_threads.user_id, chatkit_threads.id, chatkit_threads.last_sort_key),
item AS (
    INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, status, item, created_at, updated_at)
    SELECT thread.user_id AS user_id, thread.id AS id, $1::VARCHAR AS anon_1, thread.last_sort_key AS last_sort_key, $2::VARCHAR AS anon_2, $3::VARCHAR AS anon_3, CAST($4::VARCHAR AS JSON) AS anon_4, $5::TIMESTAMP WITH TIME ZONE AS anon_5, now() AS now_1
    FROM thread
    ON CONFLICT (user_id, thread_id, id)
    DO UPDATE SET type = excluded.type, status = excluded.status, item = excluded.item, updated_at = excluded.updated_at
    WHERE NOT coalesce(excluded.status = 'pending'
        AND chatkit_thread_items.status IN ('completed', 'answered', 'skipped'), false))
SELECT thread.last_sort_key
FROM thread
