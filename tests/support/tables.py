"""What stands in the tables, whoever wrote it."""

from typing import Any

import asyncpg

TABLES = ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments")

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
