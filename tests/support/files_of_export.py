"""Exported files: taken, and held against the tables they came from."""

import json
from io import BytesIO
from typing import Any

from chatkit_pgstore.operations import export_users, import_users
from tests.support.tables import fetch

MOVED = ("chatkit_threads", "chatkit_thread_items", "chatkit_attachments", "chatkit_feedback")
"""The tables whose rows a file has."""


async def exported(store: Any, *users: str) -> list[str]:
    """Return the lines of a file."""
    return [line async for line in export_users(store, *(users or ("alice",)))]


async def imported(store: Any, lines: list[str] | list[bytes] | bytes, **options: Any) -> Any:
    """Import lines, or a whole file."""
    file = lines if isinstance(lines, bytes) else b"".join(_bytes(line) for line in lines)
    return await import_users(store, BytesIO(file), **options)


def _bytes(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


async def rows(database_url: str, user: str, schema: str | None = None) -> dict[str, list[Any]]:
    """Return every column of a user's rows that are moved, apart from the user, documents as their letters."""
    found = {}
    for table in MOVED:
        place = table if schema is None else f"{schema}.{table}"
        # The driver knows no json, and gives its letters.
        query = f"SELECT * FROM {place} WHERE user_id::text = $1"
        taken = [dict(row) for row in await fetch(database_url, query, user)]
        found[table] = sorted(([(k, v) for k, v in row.items() if k != "user_id"] for row in taken), key=repr)
    return found


def parsed(line: str | bytes) -> Any:
    """Return a line as data, numbers as they are written."""
    return json.loads(line, parse_int=str, parse_float=str)
