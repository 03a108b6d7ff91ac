-- $1 user_id, $2 thread_id, $3 id
SELECT CAST(chatkit_thread_items.item AS TEXT) AS item
FROM chatkit_thread_items
WHERE chatkit_thread_items.user_id = $1::VARCHAR
AND chatkit_thread_items.thread_id = $2::VARCHAR
AND chatkit_thread_items.id = $3::VARCHAR
