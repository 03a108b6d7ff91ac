-- $1 user_id, $2 thread_ids
SELECT asked, (
    SELECT count(*) AS count_1
    FROM chatkit_thread_items
    WHERE chatkit_thread_items.user_id = $1::VARCHAR
    AND chatkit_thread_items.thread_id = asked) AS anon_1
FROM unnest($2::TEXT[]) AS asked
