"""The SQL of status: sizes, and figures that are counted or estimated."""

from sqlalchemy import BigInteger, Executable, Table, cast, distinct, exists, func, not_, select, text

from chatkit_pgstore._layout import Layout, table_in, threads_in
from chatkit_pgstore._tables import attachments, files, threads

TAIL_PAGES = 1000
"""Where the newest rows most often are: at the end of a table."""


def sizes(our_table: Table, layout: Layout) -> Executable:
    """The bytes of a table and of its indexes; its pages, and how many rows there are by its last ANALYZE.

    No row where there is no such table, as at an older revision.

    Citus keeps rows elsewhere, and knows where.
    """
    whole, rows = ("pg_total_relation_size", "pg_table_size")
    if layout.distributed:
        whole, rows = ("citus_total_relation_size", "citus_table_size")
    look = f"""
        SELECT {whole}(c.oid) AS bytes, {whole}(c.oid) - {rows}(c.oid) AS index_bytes,
               pg_relation_size(c.oid) AS bytes_to_read,
               pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages,
               CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples / c.relpages END AS rows_of_a_page
          FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass(:table)
    """  # noqa: S608  # names of functions, all ours
    return text(look).bindparams(table=table_in(layout.schema, our_table.name))


def number_of_rows(our_table: Table) -> Executable:
    """Counts every row."""
    return select(func.count()).select_from(our_table)


def bytes_of_files() -> Executable:
    """Sums up the bytes of the files whose upload is complete."""
    return select(cast(func.coalesce(func.sum(files.c.size), 0), BigInteger))


def files_without_attachment() -> Executable:
    """Counts the files that no attachment names: a sweep deletes them, unless they are new."""
    named = exists().where(attachments.c.user_id == files.c.user_id, attachments.c.id == files.c.id)
    return select(func.count()).select_from(files).where(not_(named))


def number_of_users() -> Executable:
    """Counts the users that have a thread."""
    return select(func.count(distinct(threads.c.user_id)))


def estimated_users(layout: Layout, number_of_threads: int) -> Executable:
    """What PostgreSQL made of a sample at its last ANALYZE; no row where there was none."""
    # Below zero it is a part of the rows.
    look = """
        SELECT CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * CAST(:threads AS bigint) ELSE s.n_distinct END
          FROM pg_catalog.pg_stats AS s
          JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
          JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename
         WHERE c.oid = to_regclass(:table) AND s.attname = 'user_id'
    """
    return text(look).bindparams(threads=number_of_threads, table=threads_in(layout.schema))


def last_activity() -> Executable:
    """The last time that an item was added to any thread or a thread was saved."""
    return select(func.max(threads.c.updated_at))


def last_activity_at_the_end(our_table: Table, pages: int) -> Executable:
    """The same, as the last pages of a table tell."""
    first = max(0, pages - TAIL_PAGES)
    return select(func.max(our_table.c.updated_at)).where(text(f"ctid >= '({first},0)'::tid"))


def server_version() -> Executable:
    """As the server names itself."""
    return select(func.current_setting("server_version"))
