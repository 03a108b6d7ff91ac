-- $1 user_id, $2 limit
SELECT chatkit_threads.id, CAST(chatkit_threads.thread AS TEXT) AS thread, CAST(EXTRACT(epoch
        FROM chatkit_threads.updated_at) * 1000000 AS BIGINT) AS microseconds
FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
ORDER BY chatkit_threads.updated_at DESC, chatkit_threads.id DESC
LIMIT $2::BIGINT
