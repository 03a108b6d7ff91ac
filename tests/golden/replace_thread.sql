-- $1 thread, $2 user_id, $3 id, $4 expected
UPDATE chatkit_threads
SET thread=CAST($1::VARCHAR AS JSON), updated_at=now()
WHERE chatkit_threads.user_id = $2::VARCHAR
AND chatkit_threads.id = $3::VARCHAR
AND CAST(chatkit_threads.thread AS TEXT) = $4::VARCHAR
RETURNING chatkit_threads.id
