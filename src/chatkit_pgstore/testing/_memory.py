"""MemoryStore: what PostgresStore does, kept in dictionaries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Generic, Self

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, FeedbackKind, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from chatkit_pgstore._codec import (
    ATTACHMENTS,
    ITEMS,
    THREADS,
    attachment_values,
    filter_document,
    item_values,
    thread_values,
)
from chatkit_pgstore._feedback import Feedback, checked_ids, feedback_values
from chatkit_pgstore._ids import check_id, generate_id, warn_of_placeholder
from chatkit_pgstore._paging import page_request
from chatkit_pgstore._previews import PreviewUrls, refresh_previews
from chatkit_pgstore._rows import AttachmentRow, ItemRow, UserRows, found
from chatkit_pgstore._settings import Settings, ThreadOrder, UserId
from chatkit_pgstore._user import user_of

TContext = TypeVar("TContext", default=Any)


class MemoryStore(Store[TContext], Generic[TContext]):
    """Behaves as `PostgresStore` does and keeps everything in memory, for tests of a ChatKit server.

    Users, cursors, orders, errors and their messages are the same; so is what comes back, for documents take
    the same way through JSON. It belongs to one event loop. What it holds is gone with it.

    Args:
        user_id: Called with the request context, returns the id of its user: a str, int or UUID. Without it, the
            user is ``context["user_id"]`` of a mapping, else ``context.user_id``.
        max_page_size: The most rows a page has; a larger limit is cut to it.
        thread_order: What threads are listed by: "created_at", or "updated_at" for their last activity.
        preview_urls: Says for each image, whenever it is loaded, where its preview is.

    Raises:
        ConfigurationError: A setting makes no sense; the message names it.

    Every method that takes a context raises, besides what it names itself, MissingUserError when the context
    names no user, and ValueError when an id is empty, longer than 512 bytes, or holds a NUL.
    """

    def __init__(
        self,
        *,
        user_id: UserId | None = None,
        max_page_size: int = 1000,
        thread_order: ThreadOrder = "created_at",
        preview_urls: PreviewUrls | None = None,
    ) -> None:
        self._settings = Settings(
            user_id=user_id,
            max_page_size=max_page_size,
            on_unreadable="raise",
            pool_size=1,
            retry_seconds=1.0,
            attempt_timeout_seconds=1.0,
            connect_timeout_seconds=1.0,
            thread_order=thread_order,
            preview_urls=preview_urls,
        )
        self._users: defaultdict[str, UserRows] = defaultdict(UserRows)

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
        thread = found(threads, "Thread", check_id(thread_id, "thread_id"))
        return THREADS.decode(thread_id, thread.document)

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Insert a thread, or replace its metadata whole; the time it is listed by is that of its first save.

        Raises:
            UnstorableItemError: JSON cannot hold it.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        rows = self._user(context)
        values = thread_values(thread)
        rows.save_thread(values["id"], values["thread"], values["created_at"])

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        """Return one page of the user's threads by time of creation, or of last activity, ties by id.

        Raises:
            NotFoundError: *after* is no thread of this user; by last activity, no cursor.
            ValueError: *limit* is below 1, or *order* is neither "asc" nor "desc".
        """
        return await self.load_threads_where(limit, after, order, context, metadata={})

    async def load_threads_where(
        self, limit: int, after: str | None, order: str, context: TContext, *, metadata: Mapping[str, Any]
    ) -> Page[ThreadMetadata]:
        """Return one page of the user's threads whose metadata contains *metadata*.

        Raises:
            NotFoundError: *after* is no thread of this user; by last activity, no cursor.
            ValueError: *limit* is below 1, *order* is neither "asc" nor "desc", or JSON cannot hold *metadata*.
        """
        wanted = filter_document(metadata)
        by_activity = self._settings.thread_order == "updated_at"
        request = page_request(limit, None if by_activity else after, order, self._settings.max_page_size)
        if by_activity:
            return self._user(context).page_of_threads_by_activity(replace(request, after=after), wanted)
        return self._user(context).page_of_threads(request, wanted)

    async def count_items(self, thread_ids: Sequence[str], context: TContext) -> dict[str, int]:
        """Return how many items each of these threads has; one that is not there, or another user's, has none."""
        rows = self._user(context)
        return {each: len(rows.items_of(each)) for each in checked_ids(thread_ids, "thread_ids")}

    async def save_feedback(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext
    ) -> None:
        """Keep what the user thinks of items of a thread: of all of them, or none.

        Raises:
            NotFoundError: An item, or the thread, is not there, or is another user's.
            ValueError: *kind* is neither "positive" nor "negative".
        """
        rows = self._user(context)
        values = feedback_values(thread_id, item_ids, kind)
        rows.save_feedback(thread_id, values["item_ids"], kind)

    async def load_feedback(self, thread_id: str, context: TContext) -> dict[str, Feedback]:
        """Return what the user thinks of the items of a thread, by their ids; nothing when it is not there."""
        thread = self._user(context).threads.get(check_id(thread_id, "thread_id"))
        return {} if thread is None else dict(thread.feedback)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete a thread with its items and attachments; one that is not there is no error."""
        self._user(context).delete_thread(check_id(thread_id, "thread_id"))

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
        page = self._user(context).page_of_items(check_id(thread_id, "thread_id"), request)
        await self._refresh_previews(context, page.data)
        return page

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Append an item, or replace the one of its id in its place, unless that would undo a finished one.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        rows = self._user(context)
        rows.add_item(*_row_of(thread_id, item))

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Replace an item in its place, or append it when the thread has none of its id.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL could not hold its ``created_at``.
        """
        rows = self._user(context)
        rows.save_item(*_row_of(thread_id, item))

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Return one item of a thread.

        Raises:
            NotFoundError: There is no such item in this thread, or it is another user's.
        """
        items = self._items("load_item", thread_id, item_id, context)
        item = ITEMS.decode(item_id, found(items, "Item", item_id).document)
        await self._refresh_previews(context, [item])
        return item

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete one item of a thread; one that is not there is no error."""
        self._items("delete_thread_item", thread_id, item_id, context)
        self._user(context).delete_item(thread_id, item_id)

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Return an attachment's metadata.

        Raises:
            NotFoundError: There is no such attachment, or it is another user's.
        """
        attachments = self._user(context).attachments
        row = found(attachments, "Attachment", check_id(attachment_id, "attachment_id"))
        attachment = ATTACHMENTS.decode(attachment_id, row.document)
        await self._refresh_previews(context, [attachment])
        return attachment

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Insert an attachment's metadata, or replace it whole.

        Raises:
            NotFoundError: Its thread is not there, or is another user's.
            UnstorableItemError: JSON cannot hold it.
        """
        user = self._user(context)
        values = attachment_values(attachment)
        if values["thread_id"] is not None:
            found(user.threads, "Thread", values["thread_id"])
        user.attachments[values["id"]] = AttachmentRow(values["attachment"], values["thread_id"])

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment's metadata; one that is not there is no error."""
        self._user(context).attachments.pop(check_id(attachment_id, "attachment_id"), None)

    async def _refresh_previews(self, context: TContext, loaded: Sequence[object]) -> None:
        user_id = user_of(context, self._settings.user_id)
        await refresh_previews(self._settings.preview_urls, user_id, loaded)

    def _user(self, context: TContext) -> UserRows:
        return self._users[user_of(context, self._settings.user_id)]

    def _items(self, call: str, thread_id: str, item_id: str, context: TContext) -> dict[str, ItemRow]:
        """Return the items of a thread, none when it is not there."""
        items = self._user(context).items_of(check_id(thread_id, "thread_id"))
        check_id(item_id, "item_id")
        warn_of_placeholder(call, item_id)
        return items


def _row_of(thread_id: str, item: ThreadItem) -> tuple[str, str, ItemRow]:
    """Return where an item is to be written, and what."""
    check_id(thread_id, "thread_id")
    values = item_values(item)
    return thread_id, values["id"], ItemRow(values["item"], values["status"])
