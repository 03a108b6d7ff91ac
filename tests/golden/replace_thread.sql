-- $1 thread, $2 metadata, $3 user_id, $4 id, $5 expected
UPDATE chatkit_threads
SET thread=CAST($1::VARCHAR AS JSON), updated_at=now(), metadata=CAST($2::VARCHAR AS JSONB)
WHERE chatkit_threads.user_id = $3::VARCHAR
AND chatkit_threads.id = $4::VARCHAR
AND CAST(chatkit_threads.thread AS TEXT) = $5::VARCHAR
RETURNING chatkit_threads.id
