-- $1 user_id, $2 id
SELECT CAST(chatkit_attachments.attachment AS TEXT) AS attachment
FROM chatkit_attachments
WHERE chatkit_attachments.user_id = $1::VARCHAR
AND chatkit_attachments.id = $2::VARCHAR
