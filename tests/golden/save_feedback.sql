-- $1 kind, $2 user_id, $3 thread_id, $4 item_ids
WITH thread AS (
    SELECT chatkit_threads.user_id AS user_id, chatkit_threads.id AS id
    FROM chatkit_threads
    WHERE chatkit_threads.user_id = $2::VARCHAR
    AND chatkit_threads.id = $3::VARCHAR
    FOR KEY SHARE),
item AS (
    SELECT found.user_id AS user_id, found.thread_id AS thread_id, found.id AS id
    FROM thread JOIN unnest($4::TEXT[]) AS asked(id) ON true JOIN LATERAL (
        SELECT chatkit_thread_items.user_id AS user_id, chatkit_thread_items.thread_id AS thread_id, chatkit_thread_items.id AS id
        FROM chatkit_thread_items
        WHERE chatkit_thread_items.user_id = $2::VARCHAR
        AND chatkit_thread_items.thread_id = thread.id
        AND chatkit_thread_items.id = asked.id
        LIMIT 1
        FOR KEY SHARE) AS found ON true)
INSERT INTO chatkit_feedback (user_id, thread_id, item_id, kind, created_at, updated_at)
SELECT item.user_id, item.thread_id, item.id, $1::VARCHAR AS anon_1, now() AS now_1, now() AS now_2
FROM item
WHERE (
    SELECT count(*) AS count_1
    FROM item) = cardinality($4::TEXT[])
ON CONFLICT (user_id, thread_id, item_id)
DO UPDATE SET kind = excluded.kind, updated_at = excluded.updated_at
RETURNING chatkit_feedback.item_id
