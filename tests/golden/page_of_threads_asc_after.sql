-- $1 user_id, $2 after, $3 limit
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
    AND (chatkit_threads.created_at, chatkit_threads.id) > (cursor.created_at, cursor.id)
    ORDER BY chatkit_threads.created_at, chatkit_threads.id
    LIMIT $3::BIGINT) AS page ON true
ORDER BY page.created_at, page.id
