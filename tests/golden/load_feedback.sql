-- $1 user_id, $2 thread_id
SELECT chatkit_feedback.item_id, chatkit_feedback.kind, chatkit_feedback.created_at, chatkit_feedback.updated_at
FROM chatkit_feedback
WHERE chatkit_feedback.user_id = $1::VARCHAR
AND chatkit_feedback.thread_id = $2::VARCHAR
