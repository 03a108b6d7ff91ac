-- $1 user_id, $2 metadata, $3 limit
SELECT chatkit_threads.id, CAST(chatkit_threads.thread AS TEXT) AS thread, CAST(EXTRACT(epoch
        FROM chatkit_threads.updated_at) * 1000000 AS BIGINT) AS microseconds
FROM chatkit_threads
WHERE chatkit_threads.user_id = $1::VARCHAR
AND (coalesce(chatkit_threads.metadata, CAST(regexp_replace(CAST(chatkit_threads.thread AS TEXT), E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', E'\\1\\\\ufffd', 'g') AS JSONB) -> 'metadata', CAST('{}' AS JSONB)) @> CAST($2::VARCHAR AS JSONB))
ORDER BY chatkit_threads.updated_at, chatkit_threads.id
LIMIT $3::BIGINT
