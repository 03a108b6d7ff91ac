"""BufferedStore: a store whose chat goes on while its database is away."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, FeedbackKind, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from chatkit_pgstore._feedback import Feedback
from chatkit_pgstore._ids import check_id, warn_of_placeholder
from chatkit_pgstore._paging import PageRequest, page_request
from chatkit_pgstore._settings import UserId
from chatkit_pgstore.buffered._calls import BufferedCalls, Reading
from chatkit_pgstore.buffered._entry import Entry, saved_attachment, saved_thread, written_item
from chatkit_pgstore.buffered._known import ALL_ATTACHMENTS, LIST_OF_THREADS, one_thread
from chatkit_pgstore.buffered._settings import settings_for

TContext = TypeVar("TContext", default=Any)


class BufferedStore(Store[TContext], Generic[TContext]):
    """Lets the chat go on while the database is away.

    While the store inside answers, every call goes to it, and to it alone. Once a call has raised
    StoreUnavailableError, writes are made durable in a journal on this machine instead, before they return, and reads
    are answered for the threads that this process knows whole: those it has seen being made, or has read to the end.
    When the database is back, the journal is written to it in order, in the background.

    Has to be started: ``async with BufferedStore(...) as store``, or `initialize`.

    Args:
        store: The store inside; a `PostgresStore`, or any other that raises StoreUnavailableError when it is away.
        journal: A file, which one process uses at a time. Or an existing folder, of which every process takes the
            first file that is free.
        database: What tells the database from your others. Of a `PostgresStore` its host, port and name, unless you
            say otherwise; of another store you have to.
        user_id: As that of `PostgresStore`, which is asked for its own when this is None.
        context: Called with the id of a user, as text, returns a request context that names this user. Without it,
            ``{"user_id": ...}``. Has to be given where *user_id* is.
        max_bytes: What the journal may hold.
        remember_threads: Of how many threads the items are kept in memory; of ten times as many the metadata.

    Raises:
        ConfigurationError: A setting cannot be used.

    Every method that takes a context raises, besides what the store inside raises:

    - StoreUnavailableError when the database is away and this process does not know the answer, or whether the thread
      to be written to is there;
    - JournalFullError, which is one of those, when a write finds no room in the journal; nothing is written then.
    """

    def __init__(
        self,
        store: Store[TContext],
        journal: str | os.PathLike[str],
        *,
        database: str | None = None,
        user_id: UserId | None = None,
        context: Callable[[str], TContext] | None = None,
        max_bytes: int = 256 * 1024 * 1024,
        remember_threads: int = 1000,
    ) -> None:
        settings = settings_for(
            store,
            journal,
            database=database,
            user_id=user_id,
            context=context,
            max_bytes=max_bytes,
            remember_threads=remember_threads,
        )
        self._store = store
        self._calls = BufferedCalls(store, settings)
        self._known = self._calls.known

    @property
    def store(self) -> Store[TContext]:
        """The store inside."""
        return self._store

    @property
    def is_buffering(self) -> bool:
        """Whether the database is away."""
        return self._calls.outage.is_on

    def user_id_of(self, context: TContext) -> str:
        """Return the id of the user whom *context* names, as the tables have it.

        Raises:
            MissingUserError: It names none.
            ConfigurationError: ``context=`` does not lead back to the user.
        """
        return self._calls.user(context)

    @property
    def pending(self) -> int:
        """How many writes are in the journal and not yet in the database."""
        return self._calls.journal.pending

    @property
    def bytes_used(self) -> int:
        """How much of ``max_bytes`` is used."""
        return self._calls.journal.bytes_used

    async def initialize(self, *, migrate: bool = True) -> None:
        """Take the journal, and bring the database to the schema that this release needs.

        When the database is away, that is done in the background, once it is back and before anything is written
        to it. A later call asks the store inside again, except in an outage.

        Args:
            migrate: False checks the schema and changes nothing.

        Raises:
            ConfigurationError: The journal cannot be used, or is another database's.
        """
        await self._calls.start(migrate=migrate)

    async def close(self) -> None:
        """Wait for writes on their way, and close the store inside; what is pending stays in the journal."""
        try:
            await self._calls.stop()
        finally:
            close: Callable[[], Awaitable[None]] | None = getattr(self._store, "close", None)
            if close is not None:
                await close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def generate_thread_id(self, context: TContext) -> str:
        """Return a new thread id of the store inside."""
        thread_id = self._store.generate_thread_id(context)
        self._known.learn_new_id(thread_id)
        return thread_id

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext) -> str:
        """Return a new item id of the store inside."""
        return self._store.generate_item_id(item_type, thread, context)

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """Return a thread's metadata; raises as `PostgresStore.load_thread`."""
        user_id = self._calls.user(context)
        check_id(thread_id, "thread_id")
        return await self._calls.read(
            Reading(
                user_id=user_id,
                topic=one_thread(thread_id),
                ask=lambda: self._store.load_thread(thread_id, context),
                learn=lambda thread: self._known.learn_thread(user_id, thread),
                learn_missing=lambda: self._known.learn_no_thread(user_id, thread_id),
                answer=lambda: self._known.thread(user_id, thread_id),
            )
        )

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Insert a thread, or replace its metadata whole; raises as `PostgresStore.save_thread`.

        What was journalled is merged with what others changed in the database meanwhile, field by field; where both
        changed a field, the database's stays.
        """
        await self._calls.write(saved_thread(self._calls.user(context), thread), context)

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        """Return one page of the user's threads by time of creation; raises as `PostgresStore.load_threads`."""
        request = self._page_request(limit, after, order)
        user_id = self._calls.user(context)
        return await self._calls.read(
            Reading(
                user_id=user_id,
                topic=LIST_OF_THREADS,
                ask=lambda: self._store.load_threads(limit, after, order, context),
                learn=lambda page: self._known.learn_threads(user_id, request, page),
                answer=lambda: self._known.threads(user_id, request),
            )
        )

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete a thread with its items and attachments; one that is not there is no error."""
        entry = Entry(
            call="delete_thread", user_id=self._calls.user(context), thread_id=check_id(thread_id, "thread_id")
        )
        await self._calls.write(entry, context)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        """Return one page of a thread's items; raises as `PostgresStore.load_thread_items`."""
        request = self._page_request(limit, after, order)
        user_id = self._calls.user(context)
        check_id(thread_id, "thread_id")
        return await self._calls.read(
            Reading(
                user_id=user_id,
                topic=one_thread(thread_id),
                ask=lambda: self._store.load_thread_items(thread_id, after, limit, order, context),
                learn=lambda page: self._known.learn_items(user_id, thread_id, request, page),
                answer=lambda: self._known.items(user_id, thread_id, request),
            )
        )

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Append an item to a thread; raises as `PostgresStore.add_thread_item`."""
        user_id = self._calls.user(context)
        await self._calls.write(written_item("add_thread_item", user_id, thread_id, item), context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Replace an item in its place, or append it; raises as `PostgresStore.save_item`."""
        user_id = self._calls.user(context)
        await self._calls.write(written_item("save_item", user_id, thread_id, item), context)

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Return one item of a thread; raises as `PostgresStore.load_item`."""
        user_id = self._calls.user(context)
        check_id(thread_id, "thread_id")
        check_id(item_id, "item_id")

        def answer() -> ThreadItem:
            warn_of_placeholder("load_item", item_id)
            return self._known.item(user_id, thread_id, item_id)

        return await self._calls.read(
            Reading(
                user_id=user_id,
                topic=one_thread(thread_id),
                ask=lambda: self._store.load_item(thread_id, item_id, context),
                learn=lambda item: self._known.learn_item(user_id, thread_id, item),
                learn_missing=lambda: self._known.learn_no_item(user_id, thread_id, item_id),
                answer=answer,
            )
        )

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete one item of a thread; one that is not there is no error."""
        entry = Entry(
            call="delete_thread_item",
            user_id=self._calls.user(context),
            thread_id=check_id(thread_id, "thread_id"),
            row_id=check_id(item_id, "item_id"),
        )
        await self._calls.write(entry, context)

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Return an attachment's metadata; raises as `PostgresStore.load_attachment`."""
        user_id = self._calls.user(context)
        check_id(attachment_id, "attachment_id")
        return await self._calls.read(
            Reading(
                user_id=user_id,
                topic=ALL_ATTACHMENTS,
                ask=lambda: self._store.load_attachment(attachment_id, context),
                learn=lambda attachment: self._known.learn_attachment(user_id, attachment),
                learn_missing=lambda: self._known.learn_no_attachment(user_id, attachment_id),
                answer=lambda: self._known.attachment(user_id, attachment_id),
            )
        )

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Insert an attachment's metadata, or replace it whole; raises as `PostgresStore.save_attachment`."""
        await self._calls.write(saved_attachment(self._calls.user(context), attachment), context)

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment's metadata; one that is not there is no error."""
        entry = Entry(
            call="delete_attachment",
            user_id=self._calls.user(context),
            row_id=check_id(attachment_id, "attachment_id"),
        )
        await self._calls.write(entry, context)

    async def load_threads_where(
        self, limit: int, after: str | None, order: str, context: TContext, *, metadata: Mapping[str, Any]
    ) -> Page[ThreadMetadata]:
        """As `PostgresStore.load_threads_where`, while the database answers; else StoreUnavailableError."""
        return await self._calls.ask(
            self._calls.user(context),
            lambda store: store.load_threads_where(limit, after, order, context, metadata=metadata),
        )

    async def count_items(self, thread_ids: Sequence[str], context: TContext) -> dict[str, int]:
        """As `PostgresStore.count_items`, while the database answers; else StoreUnavailableError."""
        return await self._calls.ask(self._calls.user(context), lambda store: store.count_items(thread_ids, context))

    async def save_feedback(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext
    ) -> None:
        """As `PostgresStore.save_feedback`, while the database answers; it is not journalled.

        Raises:
            StoreUnavailableError: The database is away, or has not caught up with this user's writes.
        """
        await self._calls.ask(
            self._calls.user(context), lambda store: store.save_feedback(thread_id, item_ids, kind, context)
        )

    async def load_feedback(self, thread_id: str, context: TContext) -> dict[str, Feedback]:
        """As `PostgresStore.load_feedback`, while the database answers; else StoreUnavailableError."""
        return await self._calls.ask(self._calls.user(context), lambda store: store.load_feedback(thread_id, context))

    def _page_request(self, limit: int, after: str | None, order: str) -> PageRequest:
        return page_request(limit, after, order, self._calls.settings.max_page_size)
