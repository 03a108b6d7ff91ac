INSERT INTO chatkit_feedback (user_id, thread_id, item_id, kind, created_at, updated_at) VALUES
    ('alice', 'thr_1', 'msg_2', 'positive', '2026-01-02T03:04:07Z', '2026-01-02T03:04:08Z');
