-- $1 user_id, $2 thread_id, $3 limit
SELECT chatkit_thread_items.id, CAST(chatkit_thread_items.item AS TEXT) AS item
FROM chatkit_thread_items
WHERE chatkit_thread_items.user_id = $1::VARCHAR
AND chatkit_thread_items.thread_id = $2::VARCHAR
ORDER BY chatkit_thread_items.sort_key DESC
LIMIT $3::BIGINT
