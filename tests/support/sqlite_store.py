"""A store as one writes it by hand in an afternoon: JSON in SQLite, pages by OFFSET, items by created_at.

It keeps users apart and does what ChatKitServer needs. Its weak spots are those of its kind: a page moves when a row
before it comes or goes, and items written late stand where their time says.
"""

import sqlite3

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic import TypeAdapter

SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (user TEXT, id TEXT, created_at TEXT, data TEXT, PRIMARY KEY (user, id));
CREATE TABLE IF NOT EXISTS items
    (user TEXT, thread_id TEXT, id TEXT, created_at TEXT, data TEXT, PRIMARY KEY (user, thread_id, id));
CREATE TABLE IF NOT EXISTS attachments (user TEXT, id TEXT, data TEXT, PRIMARY KEY (user, id));
"""

THREAD = TypeAdapter(ThreadMetadata)
ITEM = TypeAdapter(ThreadItem)
ATTACHMENT = TypeAdapter(Attachment)


class SQLiteStore(Store[dict]):
    """Its context is a dictionary with the user's name under ``who``."""

    def __init__(self, path=":memory:"):
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(SCHEMA)

    def close(self):
        self.connection.close()

    async def load_thread(self, thread_id, context):
        return self.one(THREAD, "SELECT data FROM threads WHERE user = ? AND id = ?", context["who"], thread_id)

    async def save_thread(self, thread, context):
        data = thread.model_dump_json(include=set(ThreadMetadata.model_fields))
        self.connection.execute(
            "INSERT INTO threads VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data",
            (context["who"], thread.id, thread.created_at.isoformat(), data),
        )

    async def load_threads(self, limit, after, order, context):
        return self.page(THREAD, "threads WHERE user = ?", [context["who"]], (limit, after, order))

    async def delete_thread(self, thread_id, context):
        key = (context["who"], thread_id)
        self.connection.execute("DELETE FROM threads WHERE user = ? AND id = ?", key)
        self.connection.execute("DELETE FROM items WHERE user = ? AND thread_id = ?", key)

    async def load_thread_items(self, thread_id, after, limit, order, context):
        place = "items WHERE user = ? AND thread_id = ?"
        return self.page(ITEM, place, [context["who"], thread_id], (limit, after, order))

    async def add_thread_item(self, thread_id, item, context):
        self.connection.execute(
            "INSERT INTO items SELECT user, id, ?, ?, ? FROM threads WHERE user = ? AND id = ? "
            "ON CONFLICT DO UPDATE SET data = excluded.data",
            (item.id, item.created_at.isoformat(), item.model_dump_json(), context["who"], thread_id),
        )

    async def save_item(self, thread_id, item, context):
        await self.add_thread_item(thread_id, item, context)

    async def load_item(self, thread_id, item_id, context):
        query = "SELECT data FROM items WHERE user = ? AND thread_id = ? AND id = ?"
        return self.one(ITEM, query, context["who"], thread_id, item_id)

    async def delete_thread_item(self, thread_id, item_id, context):
        key = (context["who"], thread_id, item_id)
        self.connection.execute("DELETE FROM items WHERE user = ? AND thread_id = ? AND id = ?", key)

    async def load_attachment(self, attachment_id, context):
        query = "SELECT data FROM attachments WHERE user = ? AND id = ?"
        return self.one(ATTACHMENT, query, context["who"], attachment_id)

    async def save_attachment(self, attachment, context):
        self.connection.execute(
            "INSERT OR REPLACE INTO attachments VALUES (?, ?, ?)",
            (context["who"], attachment.id, attachment.model_dump_json()),
        )

    async def delete_attachment(self, attachment_id, context):
        self.connection.execute("DELETE FROM attachments WHERE user = ? AND id = ?", (context["who"], attachment_id))

    def one(self, adapter, query, *arguments):
        row = self.connection.execute(query, arguments).fetchone()
        if row is None:
            raise NotFoundError(arguments[-1])
        return adapter.validate_json(row[0])

    def page(self, adapter, place, arguments, asked):
        limit, after, order = asked
        start = int(after or 0)
        direction = "ASC" if order == "asc" else "DESC"
        rows = self.connection.execute(
            f"SELECT data FROM {place} ORDER BY created_at {direction}, rowid {direction} LIMIT ? OFFSET ?",
            [*arguments, limit + 1, start],
        ).fetchall()
        data = [adapter.validate_json(row[0]) for row in rows[:limit]]
        has_more = len(rows) > limit
        return Page(data=data, has_more=has_more, after=str(start + limit) if has_more else None)


def context_of(user_id):
    """Return the request context that the store takes; for ``--context``."""
    return {"who": user_id}
