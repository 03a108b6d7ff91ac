UPDATE chatkit_threads SET metadata = '{}' WHERE user_id = 'alice' AND id = 'thr_1';
