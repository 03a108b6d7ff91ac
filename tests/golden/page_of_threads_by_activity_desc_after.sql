-- $1 user_id, $2 after_time, $3 after, $4 limit
SELECT chatkit_threads.id, CAST(chatkit_threads.thread AS TEXT) AS thread, CAST(EXTRACT(epoch
        FROM chatkit_threads.updated_at) * 1000000 AS BIGINT) AS microseconds
FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
AND (chatkit_threads.updated_at, chatkit_threads.id) < ($2::TIMESTAMP WITH TIME ZONE, $3::VARCHAR)
ORDER BY chatkit_threads.updated_at DESC, chatkit_threads.id DESC
LIMIT $4::BIGINT
