-- $1 user_id, $2 after, $3 metadata, $4 limit
WITH cursor AS MATERIALIZED (
    SELECT chatkit_threads.created_at AS created_at, chatkit_threads.id AS id
    FROM chatkit_threads
    WHERE chatkit_threads.user_id = $1::VARCHAR
    AND chatkit_threads.id = $2::VARCHAR)
SELECT page.id, page.thread
FROM cursor
LEFT OUTER JOIN LATERAL (
    SELECT chatkit_threads.id AS id, CAST(chatkit_threads.thread AS TEXT) AS thread, chatkit_threads.created_at AS created_at
    FROM chatkit_threads
    WHERE chatkit_threads.user_id = $1::VARCHAR
    AND (coalesce(chatkit_threads.metadata, CAST(regexp_replace(CAST(chatkit_threads.thread AS TEXT), E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', E'\\1\\\\ufffd', 'g') AS JSONB) -> 'metadata', CAST('{}' AS JSONB)) @> CAST($3::VARCHAR AS JSONB))
    AND (chatkit_threads.created_at, chatkit_threads.id) > (cursor.created_at, cursor.id)
    ORDER BY chatkit_threads.created_at, chatkit_threads.id
    LIMIT $4::BIGINT) AS page ON true
ORDER BY page.created_at, page.id
