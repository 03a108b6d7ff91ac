"""Puts the documents of a release into the tables, past the store, as if that release had written them."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from tests.sdk_matrix.documents import Documents, text_of
from tests.sdk_matrix.samples import THREAD_ID

THREAD = """
    INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
    VALUES ($1, $2, CAST($3::text AS json), $4, $5, $5)
"""
ITEM = """
    INSERT INTO chatkit_thread_items
        (user_id, thread_id, id, sort_key, type, status, item, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, CAST($7::text AS json), $8, $8)
"""
ATTACHMENT = """
    INSERT INTO chatkit_attachments (user_id, id, thread_id, attachment, created_at, updated_at)
    VALUES ($1, $2, $3, CAST($4::text AS json), $5, $5)
"""
MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


async def insert(database_url: str, user: str, documents: Documents) -> None:
    """Insert the documents of one release as those of *user*; all items stand in one thread."""
    threads, items, attachments = (list(documents[kind].values()) for kind in ("threads", "items", "attachments"))
    connection = await asyncpg.connect(database_url)
    try:
        await connection.executemany(THREAD, [_thread_row(user, each, len(items)) for each in threads])
        await connection.executemany(ITEM, [_item_row(user, key, each) for key, each in enumerate(items, start=1)])
        await connection.executemany(ATTACHMENT, [_attachment_row(user, each) for each in attachments])
    finally:
        await connection.close()


def _thread_row(user: str, document: dict[str, Any], count: int) -> tuple[Any, ...]:
    return user, document["id"], text_of(document), count if document["id"] == THREAD_ID else 0, MOMENT


def _item_row(user: str, sort_key: int, document: dict[str, Any]) -> tuple[Any, ...]:
    kind, status = document["type"], document.get("status")
    return user, THREAD_ID, document["id"], sort_key, kind, status, text_of(document), MOMENT


def _attachment_row(user: str, document: dict[str, Any]) -> tuple[Any, ...]:
    return user, document["id"], document.get("thread_id"), text_of(document), MOMENT
