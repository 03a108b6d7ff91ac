"""What a migration does to a new table of users' rows, so that it is what the tables before it have become.

Migrations refer to it, and so it is never changed: what a later one needs stands beside it.
"""

from string import Template

_LIKE_THE_THREADS = Template("""
DO $$$$
DECLARE
    threads CONSTANT pg_catalog.regclass := 'chatkit_threads';
    user_type CONSTANT text := (
        SELECT pg_catalog.format_type(atttypid, NULL) FROM pg_catalog.pg_attribute
         WHERE attrelid = threads AND attname = 'user_id');
    row_security boolean;
    distributed boolean;
    policy text;
BEGIN
    SELECT c.relrowsecurity,
           EXISTS (SELECT FROM pg_catalog.pg_proc AS p
                    WHERE p.pronamespace = c.relnamespace AND p.proname = 'chatkit_append_item')
      INTO row_security, distributed
      FROM pg_catalog.pg_class AS c WHERE c.oid = threads;
    IF user_type <> 'text' THEN
        EXECUTE pg_catalog.format(
            'ALTER TABLE $table ALTER COLUMN user_id TYPE %1$$s USING CAST(user_id AS %1$$s)', user_type);
    END IF;
    IF distributed THEN
        -- Else keys between the tables could not be made in the transaction that distributes them.
        PERFORM pg_catalog.set_config('citus.multi_shard_modify_mode', 'sequential', true);
        EXECUTE pg_catalog.format(
            'SELECT create_distributed_table(%L, %L, colocate_with => %L)', '$table', 'user_id', threads);
    END IF;
    IF row_security THEN
        ALTER TABLE $table ENABLE ROW LEVEL SECURITY;
    END IF;
    FOR policy IN
        SELECT pg_catalog.pg_get_expr(polqual, polrelid) FROM pg_catalog.pg_policy
         WHERE polrelid = threads AND polname = 'chatkit_own_rows'
    LOOP
        EXECUTE pg_catalog.format('CREATE POLICY chatkit_own_rows ON $table USING (%s)', policy);
    END LOOP;
END $$$$
""")


def like_the_threads(table: str) -> str:
    """Return SQL that makes an empty *table*, whose ``user_id`` is text, like the table of threads as it is.

    ``user_id`` takes the type that the host's table of users gave it, the table is distributed where Citus has
    the others, and has their row security. Foreign keys between users' tables come after it.
    """
    return _LIKE_THE_THREADS.substitute(table=table)
