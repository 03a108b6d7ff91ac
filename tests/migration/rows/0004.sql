INSERT INTO chatkit_files (user_id, id, storage_key, mime_type, size, sha256, created_at, updated_at) VALUES
    ('alice', 'atc_1', 'alice/atc_1', 'text/plain', 5,
     '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
     '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z');

INSERT INTO chatkit_file_chunks (user_id, file_id, number, data) VALUES ('alice', 'atc_1', 0, 'hello');
