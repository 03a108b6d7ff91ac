GRANT SELECT, INSERT, UPDATE, DELETE ON chatkit_threads, chatkit_thread_items, chatkit_attachments, chatkit_feedback TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON chatkit_files, chatkit_file_chunks TO :"app";
GRANT SELECT ON chatkit_schema_version, chatkit_supported_revisions TO :"app";
