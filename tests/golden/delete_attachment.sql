-- $1 user_id, $2 id
DELETE FROM chatkit_attachments
WHERE chatkit_attachments.user_id = $1::VARCHAR
AND chatkit_attachments.id = $2::VARCHAR
