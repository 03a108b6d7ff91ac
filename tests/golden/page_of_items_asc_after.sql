-- $1 user_id, $2 thread_id, $3 after, $4 limit
WITH cursor AS MATERIALIZED (
    SELECT chatkit_thread_items.sort_key AS sort_key
    FROM chatkit_thread_items
    WHERE chatkit_thread_items.user_id = $1::VARCHAR
    AND chatkit_thread_items.thread_id = $2::VARCHAR
    AND chatkit_thread_items.id = $3::VARCHAR)
SELECT page.id, page.item
FROM cursor
LEFT OUTER JOIN LATERAL (
    SELECT chatkit_thread_items.id AS id, CAST(chatkit_thread_items.item AS TEXT) AS item, chatkit_thread_items.sort_key AS sort_key
    FROM chatkit_thread_items
    WHERE chatkit_thread_items.user_id = $1::VARCHAR
    AND chatkit_thread_items.thread_id = $2::VARCHAR
    AND (chatkit_thread_items.sort_key) > (cursor.sort_key)
    ORDER BY chatkit_thread_items.sort_key
    LIMIT $4::BIGINT) AS page ON true
ORDER BY page.sort_key
