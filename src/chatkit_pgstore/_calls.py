"""What the methods of `PostgresStore` have in common: who calls, one statement, what its rows become."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from chatkit.store import NotFoundError
from chatkit.types import Page, ThreadItem, ThreadMetadata

from chatkit_pgstore._bound import BoundDatabase
from chatkit_pgstore._codec import THREADS, Codec, item_values
from chatkit_pgstore._compiled import Pages, Statement, compiled_statements
from chatkit_pgstore._connection import Database
from chatkit_pgstore._ids import check_id
from chatkit_pgstore._paging import PageRequest, cursor_by_activity, page_of, page_request, place_of
from chatkit_pgstore._previews import refresh_previews
from chatkit_pgstore._settings import Settings
from chatkit_pgstore._user import user_of
from chatkit_pgstore.errors import UnreadableItemError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

SQL = compiled_statements()
"""Which statement a call is; the database runs the same for the tables as they are."""


class Calls:
    """Binds, runs and decodes, as the settings of one store say."""

    def __init__(self, database: Database | BoundDatabase, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def user(self, context: Any) -> str:
        """Return the user whom *context* names."""
        return user_of(context, self._settings.user_id)

    def item_key(self, thread_id: str, item_id: str, context: Any) -> dict[str, str]:
        """Return the values that one item is found by."""
        return {
            "user_id": self.user(context),
            "thread_id": check_id(thread_id, "thread_id"),
            "id": check_id(item_id, "item_id"),
        }

    def page_request(self, limit: int, after: str | None, order: str) -> PageRequest:
        """Return a checked request for one page."""
        return page_request(limit, after, order, self._settings.max_page_size)

    async def write_item(self, call: str, statement: Statement, thread_id: str, item: ThreadItem, context: Any) -> None:
        """Append or replace an item.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
        """
        key = {"user_id": self.user(context), "thread_id": check_id(thread_id, "thread_id")}
        rows = await self._database.write(call, statement, {**key, **item_values(item)})
        one(rows, "Thread", thread_id)

    async def refresh_previews(self, user_id: str, loaded: Sequence[object]) -> None:
        """Have the images among *loaded* say where their previews are now."""
        await refresh_previews(self._settings.preview_urls, user_id, loaded)

    async def page_of_threads(
        self, call: str, limit: int, after: str | None, order: str, context: Any, **some: str
    ) -> Page[ThreadMetadata]:
        """Return one page of a user's threads, of those with ``metadata`` when *some* names them.

        Raises:
            NotFoundError: The cursor is not in the list.
            ValueError: What is asked for makes no sense.
        """
        by_activity = self._settings.thread_order == "updated_at"
        request = self.page_request(limit, None if by_activity else after, order)
        values = {"user_id": self.user(context), **some}
        if by_activity:
            pages = SQL.pages_of_threads_by_activity_where if some else SQL.pages_of_threads_by_activity
            return await self._page_by_activity(call, pages, request, after, values)
        pages = SQL.pages_of_threads_where if some else SQL.pages_of_threads
        return await self.page(call, pages, request, values, THREADS)

    async def _page_by_activity(
        self, call: str, pages: Pages, request: PageRequest, after: str | None, values: dict[str, str]
    ) -> Page[ThreadMetadata]:
        statement = pages[request.descending, after is not None]
        place = {} if after is None else place_of(after).values()
        rows = await self._database.read(call, statement, {**values, **place, "limit": request.limit + 1})
        return page_of(rows, request, partial(self._decoded, THREADS, None), cursor_by_activity)

    async def page(
        self, call: str, pages: Pages, request: PageRequest, key: dict[str, str], codec: Codec[T]
    ) -> Page[T]:
        """Return one page of a listing.

        Raises:
            NotFoundError: The cursor is not in the list.
        """
        statement = pages[request.descending, request.after is not None]
        values = {**key, "after": request.after, "limit": request.limit + 1}
        rows = await self._database.read(call, statement, values)
        if request.after is not None:
            nothing_behind = one(rows, "Cursor", request.after) is None
            rows = [] if nothing_behind else rows
        return page_of(rows, request, partial(self._decoded, codec, key.get("thread_id")))

    def _decoded(self, codec: Codec[T], thread_id: str | None, rows: Sequence[Any]) -> list[T]:
        try:
            return codec.decode_all(rows)
        except UnreadableItemError:
            if self._settings.on_unreadable == "raise":
                raise
        return [each for row in rows for each in _readable(codec, thread_id, row)]


def _readable(codec: Codec[T], thread_id: str | None, row: Sequence[Any]) -> Sequence[T]:
    """Return what is kept in *row*, or nothing, with a warning."""
    try:
        return (codec.decode(row[0], row[1]),)
    except UnreadableItemError as error:
        logger.warning("Left out of a page of thread %r: %s", thread_id or row[0], error)
        return ()


def one(rows: Sequence[Any], kind: str, name: str) -> Any:
    """Return the first value of the first of *rows*.

    Raises:
        NotFoundError: There is no row.
    """
    if not rows:
        raise NotFoundError(f"{kind} {name} not found")
    return rows[0][0]
