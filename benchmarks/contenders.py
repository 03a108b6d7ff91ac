"""The ways to run the same statements: the store, a hand-written pool store, a dedicated connection; and `engine=`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from chatkit.store import NotFoundError
from chatkit.types import Page, ThreadItem, ThreadMetadata
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore import PostgresStore
from chatkit_pgstore._compiled import Statement, Statements, compiled_statements

POOL_SIZE = 10
STORE, POOL, DEDICATED = NAMES = ("store", "pool", "dedicated")
HOST = "store on an engine of the host's"

Context = Mapping[str, str]
Run = Callable[[Statement, Mapping[str, Any]], Awaitable[Sequence[Any]]]

THREAD = TypeAdapter(ThreadMetadata)
ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)


class HandWritten:
    """What one writes without a library: the statement and the same work on JSON, nothing more.

    No check of ids or limits, no time limit, no retry, no shield. What is written is read back, as the store does.

    Args:
        run: Runs a statement with values by name and returns its rows.
    """

    def __init__(self, run: Run, statements: Statements) -> None:
        self._run = run
        self._sql = statements

    async def load_thread(self, thread_id: str, context: Context) -> ThreadMetadata:
        """Return a thread's metadata."""
        rows = await self._run(self._sql.load_thread, {"user_id": context["user_id"], "id": thread_id})
        if not rows:
            raise NotFoundError(thread_id)
        return THREAD.validate_json(rows[0][0])

    async def save_thread(self, thread: ThreadMetadata, context: Context) -> None:
        """Insert or replace a thread."""
        values = {
            "user_id": context["user_id"],
            "id": thread.id,
            "thread": _written(thread, THREAD),
            "created_at": thread.created_at,
            "metadata": "{}",
        }
        await self._run(self._sql.save_thread, values)

    async def load_threads(self, limit: int, after: str | None, order: str, context: Context) -> Page[ThreadMetadata]:
        """Return one page of the user's threads."""
        statement = self._sql.pages_of_threads[order == "desc", after is not None]
        values = {"user_id": context["user_id"], "after": after, "limit": limit + 1}
        return _page(await self._run(statement, values), limit, THREAD)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Context
    ) -> Page[ThreadItem]:
        """Return one page of a thread's items."""
        statement = self._sql.pages_of_items[order == "desc", after is not None]
        values = {"user_id": context["user_id"], "thread_id": thread_id, "after": after, "limit": limit + 1}
        return _page(await self._run(statement, values), limit, ITEM)

    async def load_item(self, thread_id: str, item_id: str, context: Context) -> ThreadItem:
        """Return one item."""
        values = {"user_id": context["user_id"], "thread_id": thread_id, "id": item_id}
        rows = await self._run(self._sql.load_item, values)
        if not rows:
            raise NotFoundError(item_id)
        return ITEM.validate_json(rows[0][0])

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Context) -> None:
        """Append an item."""
        values = {
            "user_id": context["user_id"],
            "thread_id": thread_id,
            "id": item.id,
            "type": item.type,
            # getattr with a default takes pydantic longer than writing the JSON does.
            "status": vars(item).get("status"),
            "item": _written(item, ITEM),
            "created_at": item.created_at,
        }
        if not await self._run(self._sql.append_item, values):
            raise NotFoundError(thread_id)


Contender = PostgresStore[Any] | HandWritten


@asynccontextmanager
async def opened_contenders(url: str) -> AsyncIterator[tuple[dict[str, Contender], asyncpg.Connection]]:
    """Open all four on the database at *url*; each has connections of its own.

    Yields:
        The contenders by name, and the dedicated one's connection.
    """
    async with (
        PostgresStore(url, pool_size=POOL_SIZE) as store,
        asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool,
    ):
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=POOL_SIZE)
        connection = await asyncpg.connect(url)
        try:
            contenders: dict[str, Contender] = {
                STORE: store,
                POOL: on_pool(pool),
                DEDICATED: await on_connection(connection),
                HOST: PostgresStore(engine=engine),
            }
            yield contenders, connection
        finally:
            await engine.dispose()
            await connection.close()


def on_pool(pool: asyncpg.Pool) -> HandWritten:
    """Return a contender that acquires and releases a connection for each call, as ``Pool.fetch`` does."""
    return HandWritten(
        lambda statement, values: pool.fetch(statement.sql, *statement.arguments(values)), compiled_statements()
    )


async def on_connection(connection: asyncpg.Connection) -> HandWritten:
    """Return a contender whose statements are prepared once, on a connection that nobody else uses."""
    statements = compiled_statements()
    prepared = {each.name: await connection.prepare(each.sql) for each in _measured(statements)}
    return HandWritten(
        lambda statement, values: prepared[statement.name].fetch(*statement.arguments(values)), statements
    )


def _measured(statements: Statements) -> list[Statement]:
    return [
        statements.load_thread,
        statements.save_thread,
        statements.load_item,
        statements.append_item,
        *statements.pages_of_threads.values(),
        *statements.pages_of_items.values(),
    ]


def _written(value: BaseModel, adapter: TypeAdapter[Any]) -> str:
    document = value.model_dump_json()
    adapter.validate_json(document)
    return document


def _page(rows: Sequence[Any], limit: int, adapter: TypeAdapter[Any]) -> Page[Any]:
    has_more = len(rows) > limit
    wanted = rows[:limit]
    return Page(
        data=[adapter.validate_json(row[1]) for row in wanted],
        has_more=has_more,
        after=wanted[-1][0] if has_more else None,
    )
