-- $1 user_id, $2 thread_id, $3 id
WITH opinion AS (
    DELETE FROM chatkit_feedback
    WHERE chatkit_feedback.user_id = $1::VARCHAR
    AND chatkit_feedback.thread_id = $2::VARCHAR
    AND chatkit_feedback.item_id = $3::VARCHAR)
DELETE FROM chatkit_thread_items
WHERE chatkit_thread_items.user_id = $1::VARCHAR
AND chatkit_thread_items.thread_id = $2::VARCHAR
AND chatkit_thread_items.id = $3::VARCHAR
