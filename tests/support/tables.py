"""What stands in the tables, whoever wrote it."""

from typing import Any

import asyncpg

TABLES = (
    "chatkit_threads",
    "chatkit_thread_items",
    "chatkit_attachments",
    "chatkit_feedback",
    "chatkit_files",
    "chatkit_file_chunks",
)

EMPTY: dict[str, list[Any]] = {table: [] for table in TABLES}
"""What `dump` returns where nobody has anything."""

BESIDE = """
    INSERT INTO {schema}.chatkit_feedback (user_id, thread_id, item_id, kind, created_at, updated_at)
        SELECT user_id, thread_id, id, CASE sort_key WHEN 1 THEN 'positive' ELSE 'negative' END, created_at, updated_at
        FROM {schema}.chatkit_thread_items WHERE sort_key <= 2;
    INSERT INTO {schema}.chatkit_files (user_id, id, storage_key, mime_type, size, sha256, created_at, updated_at)
        SELECT user_id, id, 'files/' || id, 'text/plain', 5, md5(id), created_at, updated_at
        FROM {schema}.chatkit_attachments;
    INSERT INTO {schema}.chatkit_file_chunks (user_id, file_id, number, data)
        SELECT user_id, id, 0, 'hello' FROM {schema}.chatkit_files;
"""

Dump = dict[str, list[tuple[Any, ...]]]


async def dump(database_url: str, user_id: str | None = None) -> Dump:
    """Return every row of every table, of one user or of all, to the last column and version.

    A row's ``xmin`` and ``ctid`` stand first: a row that was written again is another, even with equal values.
    """
    mine = "" if user_id is None else "WHERE user_id = $1"
    arguments = [] if user_id is None else [user_id]
    rows: Dump = {}
    connection = await asyncpg.connect(database_url)
    try:
        for table in TABLES:
            query = f"SELECT xmin::text, ctid::text, row_to_json(t)::text FROM {table} AS t {mine} ORDER BY 3"
            rows[table] = [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()
    return rows


async def add_feedback_and_files(database_url: str, schema: str = "public") -> None:
    """Write feedback on the first two items of every thread, and a file of five bytes for every attachment."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(BESIDE.format(schema=schema))
    finally:
        await connection.close()


END_ALL_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
"""Ends every other session of the database."""


async def fetch(database_url: str, query: str, *arguments: Any) -> list[Any]:
    """Return the rows of one query on a connection of its own."""
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def fetch_value(database_url: str, query: str, *arguments: Any) -> Any:
    """Return the first value of one query on a connection of its own."""
    return (await fetch(database_url, query, *arguments))[0][0]
