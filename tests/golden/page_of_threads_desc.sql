-- $1 user_id, $2 limit
SELECT chatkit_threads.id, CAST(chatkit_threads.thread AS TEXT) AS thread
FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
ORDER BY chatkit_threads.created_at DESC, chatkit_threads.id DESC
LIMIT $2::BIGINT
