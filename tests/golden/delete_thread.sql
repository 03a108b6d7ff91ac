-- $1 user_id, $2 id
DELETE FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
AND chatkit_threads.id = $2::VARCHAR
