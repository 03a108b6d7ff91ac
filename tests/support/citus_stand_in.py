"""Citus's catalog and functions, by name and signature, on a plain PostgreSQL: they note what they are asked for.

With it a test sees what `distribute` asks of Citus, in which order, and what it leaves alone; nothing of what Citus
makes of it, which `tests/citus` looks at on a cluster. Rows of a table that is "distributed" are copied beside it, as
Citus copies them to other machines, and what it refuses for good is refused here, too. Names and signatures are those
of https://docs.citusdata.com/en/stable/develop/api_udf.html and api_metadata.html.
"""

import asyncpg

INSTALL = """
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (99999, 'citus', 10, 11, false, 'stand-in');
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
INSERT INTO pg_catalog.pg_dist_local_group VALUES (0);
CREATE TABLE pg_catalog.pg_dist_partition (
    logicalrelid regclass PRIMARY KEY, partmethod "char", partkey text, colocationid int, repmodel "char");
CREATE TABLE pg_catalog.pg_dist_object (classid oid, objid oid, distribution_argument_index int, colocationid int);
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid int);
CREATE TABLE public.asked (id serial, what text);
CREATE TABLE public.copied (name text, row json);
CREATE SEQUENCE public.group_ids;

CREATE FUNCTION pg_catalog.column_to_column_name(table_name regclass, column_var_text text) RETURNS text
LANGUAGE sql AS 'SELECT column_var_text';

CREATE FUNCTION public.note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('citus.multi_shard_modify_mode') <> 'sequential' THEN
        RAISE EXCEPTION 'there was a parallel operation in the transaction';
    END IF;
    INSERT INTO public.asked (what) VALUES (note.what);
END $$;

CREATE FUNCTION public.copy_rows(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO public.copied SELECT %L, row_to_json(t) FROM %s AS t', table_name, table_name);
END $$;

CREATE FUNCTION pg_catalog.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    beside int;
BEGIN
    PERFORM public.note(format('%s by %s beside %s', table_name, distribution_column, colocate_with));
    beside := CASE colocate_with WHEN 'none' THEN nextval('public.group_ids') ELSE
        (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) END;
    IF EXISTS (SELECT FROM pg_constraint AS c
                 LEFT JOIN pg_dist_partition AS d ON d.logicalrelid = c.confrelid
                WHERE c.contype = 'f' AND c.conrelid = table_name
                  AND (d.repmodel = 't' OR d.colocationid = beside) IS NOT TRUE) THEN
        RAISE EXCEPTION 'cannot create foreign key constraint' USING HINT = 'not colocated';
    END IF;
    IF EXISTS (SELECT FROM pg_constraint AS c JOIN pg_dist_partition AS d ON d.logicalrelid = c.conrelid
                WHERE c.contype = 'f' AND c.confrelid = table_name AND d.partmethod = 'n') THEN
        RAISE EXCEPTION 'foreign keys from local tables to distributed tables are not supported';
    END IF;
    DELETE FROM pg_dist_partition WHERE logicalrelid = table_name AND partmethod = 'n';
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', distribution_column, beside, 's');
    INSERT INTO pg_dist_shard SELECT table_name, table_name::oid::bigint * 100 + n FROM generate_series(1, 4) AS n;
    INSERT INTO pg_dist_placement SELECT table_name::oid::bigint * 100 + n, n % 2 + 1 FROM generate_series(1, 4) AS n;
    PERFORM public.copy_rows(table_name);
END $$;

CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note(format('%s everywhere', table_name));
    INSERT INTO pg_dist_partition VALUES (table_name, 'n', NULL, 77, 't');
    PERFORM public.copy_rows(table_name);
END $$;

CREATE FUNCTION pg_catalog.create_distributed_function(
    function_name regprocedure, distribution_arg_name text DEFAULT NULL, colocate_with text DEFAULT 'default',
    force_delegation bool DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.note(
        format('%s by %s beside %s', function_name::oid::regproc, distribution_arg_name, colocate_with));
    DELETE FROM pg_dist_object WHERE objid = function_name;
    INSERT INTO pg_dist_object SELECT 'pg_proc'::regclass, function_name,
        array_position(p.proargnames, distribution_arg_name) - 1, d.colocationid
    FROM pg_proc AS p, pg_dist_partition AS d
    WHERE p.oid = function_name AND d.logicalrelid = colocate_with::regclass;
END $$;

CREATE FUNCTION public.refuse_keys_of_local_tables() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint AS c
                 JOIN pg_dist_partition AS referred ON referred.logicalrelid = c.confrelid
                 LEFT JOIN pg_dist_partition AS d ON d.logicalrelid = c.conrelid
                WHERE c.contype = 'f' AND c.xmin = pg_current_xact_id()::text::xid
                  AND referred.partmethod = 'h' AND d.partmethod IS DISTINCT FROM 'h') THEN
        RAISE EXCEPTION 'foreign keys from local tables to distributed tables are not supported';
    END IF;
END $$;
CREATE EVENT TRIGGER refuse_keys ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
EXECUTE FUNCTION public.refuse_keys_of_local_tables();

CREATE FUNCTION pg_catalog.truncate_local_data_after_distributing_table(function_name regclass)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.asked (what) VALUES (format('%s emptied here', function_name));
    EXECUTE format('TRUNCATE %s CASCADE', function_name);
END $$;
"""


async def install(database_url: str) -> None:
    """Put it into a database, as a superuser."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(INSTALL)
    finally:
        await connection.close()
