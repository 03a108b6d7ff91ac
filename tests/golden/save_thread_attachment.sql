-- $1 id, $2 attachment, $3 user_id, $4 thread_id
WITH thread AS (
    SELECT chatkit_threads.user_id AS user_id, chatkit_threads.id AS id
    FROM chatkit_threads
    WHERE chatkit_threads.user_id = $3::VARCHAR
    AND chatkit_threads.id = $4::VARCHAR
    FOR KEY SHARE)
INSERT INTO chatkit_attachments (user_id, id, attachment, created_at, updated_at, thread_id)
SELECT thread.user_id, $1::VARCHAR AS anon_1, CAST($2::VARCHAR AS JSON) AS anon_2, now() AS now_1, now() AS now_2, thread.id
FROM thread
ON CONFLICT (user_id, id)
DO UPDATE SET thread_id = excluded.thread_id, attachment = excluded.attachment, updated_at = excluded.updated_at
RETURNING chatkit_attachments.id
