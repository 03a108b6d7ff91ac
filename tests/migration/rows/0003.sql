INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at, metadata) VALUES
    ('alice', 'thr_1',
     '{"title":"Before","id":"thr_1","created_at":"2026-01-02T03:04:05","status":{"type":"active"},"allowed_image_domains":null,"metadata":{}}',
     2, '2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z', '{}');

INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, status, item, created_at, updated_at) VALUES
    ('alice', 'thr_1', 'msg_1', 1, 'user_message', NULL,
     '{"id":"msg_1","thread_id":"thr_1","created_at":"2026-01-02T03:04:05","type":"user_message","content":[{"type":"input_text","text":"NUL \u0000 kept"}],"attachments":[],"quoted_text":null,"inference_options":{"tool_choice":null,"model":null}}',
     '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'),
    ('alice', 'thr_1', 'msg_2', 2, 'assistant_message', NULL,
     '{"id":"msg_2","thread_id":"thr_1","created_at":"2026-01-02T03:04:06","type":"assistant_message","content":[{"annotations":[],"text":"Hello","type":"output_text"}]}',
     '2026-01-02T03:04:06Z', '2026-01-02T03:04:06Z');

INSERT INTO chatkit_attachments (user_id, id, thread_id, attachment, created_at, updated_at) VALUES
    ('alice', 'atc_1', 'thr_1',
     '{"id":"atc_1","name":"notes.txt","mime_type":"text/plain","upload_descriptor":null,"thread_id":"thr_1","metadata":null,"type":"file"}',
     '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');

INSERT INTO chatkit_feedback (user_id, thread_id, item_id, kind, created_at, updated_at) VALUES
    ('alice', 'thr_1', 'msg_2', 'positive', '2026-01-02T03:04:07Z', '2026-01-02T03:04:08Z');
