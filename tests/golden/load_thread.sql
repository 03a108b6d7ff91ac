-- $1 user_id, $2 id
SELECT CAST(chatkit_threads.thread AS TEXT) AS thread
FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
AND chatkit_threads.id = $2::VARCHAR
