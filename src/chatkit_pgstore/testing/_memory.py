"""MemoryStore: what PostgresStore does, kept in dictionaries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self

from chatkit.store import NotFoundError, Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from chatkit_pgstore._codec import (
    ATTACHMENTS,
    FINISHED,
    ITEMS,
    THREADS,
    attachment_values,
    item_values,
    thread_values,
)
from chatkit_pgstore._ids import check_id, generate_id, warn_of_placeholder
from chatkit_pgstore._paging import PageRequest, Row, page_of, page_request
from chatkit_pgstore._settings import Settings, UserId
from chatkit_pgstore._user import user_of

T = TypeVar("T")
TContext = TypeVar("TContext", default=Any)


@dataclass(slots=True)
class _Item:
    document: str
    status: str | None


@dataclass(slots=True)
class _Thread:
    document: str
    created_at: datetime
    items: dict[str, _Item] = field(default_factory=dict[str, _Item])
    """In the order in which they were added: a dictionary keeps the place of a value that is replaced."""


@dataclass(slots=True)
class _Attachment:
    document: str
    thread_id: str | None


@dataclass(slots=True)
class _User:
    threads: dict[str, _Thread] = field(default_factory=dict[str, _Thread])
    attachments: dict[str, _Attachment] = field(default_factory=dict[str, _Attachment])


class MemoryStore(Store[TContext], Generic[TContext]):
    """Behaves as `PostgresStore` does and keeps everything in memory, for tests of a ChatKit server.

    Users, cursors, orders, errors and their messages are the same; so is what comes back, for documents take
    the same way through JSON. It belongs to one event loop. What it holds is gone with it.

    Args:
        user_id: Called with the request context, returns the id of its user: a str, int or UUID. Without it, the
            user is ``context["user_id"]`` of a mapping, else ``context.user_id``.
        max_page_size: The most rows a page has; a larger limit is cut to it.

    Raises:
        ConfigurationError: *max_page_size* is below 1, or *user_id* cannot be called.

    Every method that takes a context raises, besides what it names itself, MissingUserError when the context
    names no user, and ValueError when an id is empty, longer than 512 bytes, or holds a NUL.
    """

    def __init__(self, *, user_id: UserId | None = None, max_page_size: int = 1000) -> None:
        self._settings = Settings(
            user_id=user_id,
            max_page_size=max_page_size,
            on_unreadable="raise",
            pool_size=1,
            retry_seconds=1.0,
            attempt_timeout_seconds=1.0,
            connect_timeout_seconds=1.0,
        )
        self._users: defaultdict[str, _User] = defaultdict(_User)

    async def initialize(self, *, migrate: bool = True) -> None:
        """Do nothing: start-up code written for `PostgresStore` runs as it is."""

    async def close(self) -> None:
        """Do nothing; what is stored stays."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def generate_thread_id(self, context: TContext) -> str:
        """Return a new thread id: the SDK's prefix and 128 random bits."""
        return generate_id("thread")

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext) -> str:
        """Return a new item id: the SDK's prefix for *item_type* and 128 random bits."""
        return generate_id(item_type)

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """Return a thread's metadata.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
        """
        threads = self._user(context).threads
        thread = _found(threads, "Thread", check_id(thread_id, "thread_id"))
        return THREADS.decode(thread_id, thread.document)

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Insert a thread, or replace its metadata whole; the time it is listed by is that of its first save.

        Raises:
            UnstorableItemError: JSON cannot hold it.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        threads = self._user(context).threads
        values = thread_values(thread)
        saved = threads.setdefault(values["id"], _Thread(values["thread"], values["created_at"]))
        saved.document = values["thread"]

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        """Return one page of the user's threads by time of creation, ties by id.

        Raises:
            NotFoundError: *after* is no thread of this user.
            ValueError: *limit* is below 1, or *order* is neither "asc" nor "desc".
        """
        request = page_request(limit, after, order, self._settings.max_page_size)
        threads = self._user(context).threads
        # Code points sort as their UTF-8 bytes do, which is PostgreSQL's collation "C".
        by_creation = sorted(threads, key=lambda thread_id: (threads[thread_id].created_at, thread_id))
        rows = [(thread_id, threads[thread_id].document) for thread_id in by_creation]
        return page_of(_behind_cursor(rows, request), request, THREADS.decode)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete a thread with its items and attachments; one that is not there is no error."""
        user = self._user(context)
        if user.threads.pop(check_id(thread_id, "thread_id"), None) is None:
            return
        theirs = [each for each, attachment in user.attachments.items() if attachment.thread_id == thread_id]
        for attachment_id in theirs:
            del user.attachments[attachment_id]

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        """Return one page of a thread's items, in the order in which they were added.

        A thread that is not there, or another user's, is an empty page.

        Raises:
            NotFoundError: *after* is no item of this thread.
            ValueError: *limit* is below 1, or *order* is neither "asc" nor "desc".
        """
        request = page_request(limit, after, order, self._settings.max_page_size)
        thread = self._user(context).threads.get(check_id(thread_id, "thread_id"))
        items = {} if thread is None else thread.items
        rows = [(item_id, item.document) for item_id, item in items.items()]
        return page_of(_behind_cursor(rows, request), request, ITEMS.decode)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Append an item, or replace the one of its id in its place, unless that would undo a finished one.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        items, item_id, added = self._item_to_write(thread_id, item, context)
        present = items.get(item_id)
        if present is None or added.status != "pending" or present.status not in FINISHED:
            items[item_id] = added

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Replace an item in its place, or append it when the thread has none of its id.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        items, item_id, saved = self._item_to_write(thread_id, item, context)
        items[item_id] = saved

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Return one item of a thread.

        Raises:
            NotFoundError: There is no such item in this thread, or it is another user's.
        """
        items = self._items("load_item", thread_id, item_id, context)
        return ITEMS.decode(item_id, _found(items, "Item", item_id).document)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete one item of a thread; one that is not there is no error."""
        self._items("delete_thread_item", thread_id, item_id, context).pop(item_id, None)

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Return an attachment's metadata.

        Raises:
            NotFoundError: There is no such attachment, or it is another user's.
        """
        attachments = self._user(context).attachments
        attachment = _found(attachments, "Attachment", check_id(attachment_id, "attachment_id"))
        return ATTACHMENTS.decode(attachment_id, attachment.document)

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Insert an attachment's metadata, or replace it whole.

        Raises:
            NotFoundError: Its thread is not there, or is another user's.
            UnstorableItemError: JSON cannot hold it.
        """
        user = self._user(context)
        values = attachment_values(attachment)
        if values["thread_id"] is not None:
            _found(user.threads, "Thread", values["thread_id"])
        user.attachments[values["id"]] = _Attachment(values["attachment"], values["thread_id"])

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment's metadata; one that is not there is no error."""
        self._user(context).attachments.pop(check_id(attachment_id, "attachment_id"), None)

    def _user(self, context: TContext) -> _User:
        return self._users[user_of(context, self._settings.user_id)]

    def _items(self, call: str, thread_id: str, item_id: str, context: TContext) -> dict[str, _Item]:
        """Return the items of a thread, none when it is not there."""
        threads = self._user(context).threads
        thread = threads.get(check_id(thread_id, "thread_id"))
        check_id(item_id, "item_id")
        warn_of_placeholder(call, item_id)
        return {} if thread is None else thread.items

    def _item_to_write(
        self, thread_id: str, item: ThreadItem, context: TContext
    ) -> tuple[dict[str, _Item], str, _Item]:
        """Return the thread's items, the id to write under, and what to write there.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
        """
        threads = self._user(context).threads
        check_id(thread_id, "thread_id")
        values = item_values(item)
        thread = _found(threads, "Thread", thread_id)
        return thread.items, values["id"], _Item(values["item"], values["status"])


def _found(rows: dict[str, T], kind: str, row_id: str) -> T:
    """Return the row of that id.

    Raises:
        NotFoundError: There is none.
    """
    if row_id not in rows:
        raise NotFoundError(f"{kind} {row_id} not found")
    return rows[row_id]


def _behind_cursor(rows: Sequence[Row], request: PageRequest) -> Sequence[Row]:
    """Return up to ``limit + 1`` of *rows*, which are in ascending order, from the edge or behind the cursor.

    Raises:
        NotFoundError: The cursor is none of the rows.
    """
    ordered = rows[::-1] if request.descending else rows
    start = 0
    if request.after is not None:
        places = {row_id: place for place, (row_id, _) in enumerate(ordered)}
        start = _found(places, "Cursor", request.after) + 1
    return ordered[start : start + request.limit + 1]
