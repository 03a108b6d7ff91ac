"""Threads that have been left alone for some time, and what is left of them."""

from typing import Any

from tests.support.samples import ALICE, BOB, attachment, message, thread
from tests.support.tables import fetch, fetch_value

ITEMS = 3

MANY = """
    WITH threads AS (
        INSERT INTO chatkit_threads (user_id, id, thread, last_sort_key, created_at, updated_at)
        SELECT 'user_' || n % {users}, '{kind}_' || n, '{{}}', {items}, moment, moment
        FROM generate_series(1, {threads}) AS n, CAST(now() - interval '{days} days' AS timestamptz) AS moment
        RETURNING user_id, id, created_at
    ), items AS (
        INSERT INTO chatkit_thread_items (user_id, thread_id, id, sort_key, type, item, created_at, updated_at)
        SELECT user_id, id, 'msg_' || key, key, 'end_of_turn', '{{"text": "x"}}', created_at, created_at
        FROM threads, generate_series(1, {items}) AS key
    )
    INSERT INTO chatkit_attachments (user_id, id, thread_id, attachment, created_at, updated_at)
    SELECT user_id, id || '_' || kind, CASE kind WHEN 'sent' THEN id END, '{{}}', created_at, created_at
    FROM threads, unnest(ARRAY['sent', 'unsent']) AS kind
"""


async def write_thread(store: Any, thread_id: str, context: Any = ALICE) -> None:
    """Write a thread with items and an attachment, and another attachment that no message was sent with."""
    await store.save_thread(thread(thread_id), context)
    for number in range(ITEMS):
        await store.add_thread_item(thread_id, message(f"msg_{number}", thread_id=thread_id), context)
    await store.save_attachment(attachment(f"{thread_id}_sent", thread_id), context)
    await store.save_attachment(attachment(f"{thread_id}_unsent"), context)


async def write_two_users(store: Any) -> None:
    """Write two threads of alice and one of bob."""
    for context, thread_ids in ((ALICE, ("thr_1", "thr_2")), (BOB, ("thr_1",))):
        for thread_id in thread_ids:
            await write_thread(store, thread_id, context)


async def leave_alone(database_url: str, days: int, *, like: str = "old%", schema: str = "public") -> None:
    """Make it so many days since anything happened to the threads, and the attachments, of such ids."""
    for table in ("chatkit_threads", "chatkit_attachments"):
        query = f"UPDATE \"{schema}\".{table} SET updated_at = now() - $1 * interval '1 day' WHERE id LIKE $2"
        await fetch(database_url, query, days, like)


async def write_many(database_url: str, kind: str, threads: int, *, days: int, users: int = 50) -> None:
    """Write so many threads of so many users, each with three items and two attachments, one of them unsent."""
    await fetch(database_url, MANY.format(kind=kind, threads=threads, days=days, items=ITEMS, users=users))


async def half_threads(database_url: str) -> int:
    """Return how many threads lack some of their three items, or their attachment."""
    query = """
        SELECT count(*) FROM chatkit_threads AS t WHERE
            (SELECT count(*) FROM chatkit_thread_items AS i WHERE (i.user_id, i.thread_id) = (t.user_id, t.id)) < $1
            OR NOT EXISTS (SELECT FROM chatkit_attachments AS a WHERE (a.user_id, a.thread_id) = (t.user_id, t.id))
    """
    return int(await fetch_value(database_url, query, ITEMS))


async def ids_in(database_url: str, table: str = "chatkit_threads", *, schema: str = "public") -> list[str]:
    """Return the ids of a table's rows."""
    return [row["id"] for row in await fetch(database_url, f'SELECT id FROM "{schema}".{table} ORDER BY id')]
