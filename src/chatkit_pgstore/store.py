"""PostgresStore: ChatKit's Store on PostgreSQL. Each method binds values, runs one statement, decodes rows."""

from copy import copy
from types import TracebackType
from typing import Any, Generic, Self

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from typing_extensions import TypeVar

from chatkit_pgstore._beyond import BeyondChatKit
from chatkit_pgstore._bound import BoundDatabase
from chatkit_pgstore._calls import SQL, Calls, one
from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS, attachment_values, thread_values
from chatkit_pgstore._connection import Database
from chatkit_pgstore._engine import engine_of
from chatkit_pgstore._ids import check_id, generate_id, warn_of_placeholder
from chatkit_pgstore._known import KnownTables
from chatkit_pgstore._preparation import prepare
from chatkit_pgstore._previews import PreviewUrls
from chatkit_pgstore._settings import OnUnreadable, Pooler, Settings, ThreadOrder, UserId, UsersTable

TContext = TypeVar("TContext", default=Any)


class PostgresStore(BeyondChatKit[TContext], Store[TContext], Generic[TContext]):
    """Keeps ChatKit conversations in PostgreSQL.

    Every method is one statement and, on a warm connection, one network round trip; it is atomic, committed when
    it returns, and sees and touches only the rows of the user in the request context. A write that has begun is
    carried to its end even when its caller is cancelled. A call whose connection breaks is sent again until
    *retry_seconds* are over. Nothing connects before the first call.

    Args:
        database_url: As the provider prints it: ``postgresql://user:password@host/database?sslmode=require``.
        engine: Instead of a URL, an ``AsyncEngine`` on asyncpg. Its pool is shared and never disposed of.
        user_id: Called with the request context, returns the id of its user: a str, int or UUID. Without it, the
            user is ``context["user_id"]`` of a mapping, else ``context.user_id``.
        max_page_size: The most rows a page has; a larger limit is cut to it.
        on_unreadable: What a listing does with a document the installed SDK cannot read: "leave_out" warns and
            goes on, "raise" raises UnreadableItemError.
        pool_size: The most connections that are opened at once, with *database_url*.
        retry_seconds: The longest a call may take, waiting and every attempt included; taking back a last attempt
            that hangs may add a second.
        attempt_timeout_seconds: The longest one attempt may take once it has a connection.
        connect_timeout_seconds: The longest a new connection may take, with *database_url*; a
            ``connect_timeout`` in the URL comes first.
        schema: Where the tables are; it has to exist. None: the first schema of the connection's search path.
        pooler: "transaction" when *database_url* leads to a pooler that lends a server connection for each
            transaction, "session" when it does not. None: taken from the URL, where that is certain.
        users: Your table of users: ``user_id`` takes the type of its column and refers to it, so that deleting a user
            deletes the user's conversations.
        row_security: Whether every call sets the user for PostgreSQL's policies too, which costs it two round trips
            more. The tables must have them: ``chatkit-pgstore migrate --row-security``.
        thread_order: What threads are listed by: "created_at", or "updated_at" for their last activity, which takes an
            index of its own and makes appends dearer.
        preview_urls: Says for each image, whenever it is loaded, where its preview is.

    Raises:
        ConfigurationError: Neither or both of *database_url* and *engine* are given, or one cannot be used.

    Every method that takes a context raises, besides what it names itself:

    - MissingUserError when the context names no user;
    - ValueError when an id is empty, longer than 512 bytes, or holds a NUL;
    - UnknownUserError when the user is not in the table of *users*, or cannot be; of reads only where the id is not
      of its type;
    - StoreUnavailableError when no attempt succeeded within *retry_seconds*;
    - SchemaOutOfDateError when the tables are missing, ConfigurationError when the login is refused.
    """

    def __init__(
        self,
        database_url: str | None = None,
        *,
        engine: AsyncEngine | None = None,
        user_id: UserId | None = None,
        max_page_size: int = 1000,
        on_unreadable: OnUnreadable = "leave_out",
        pool_size: int = 10,
        retry_seconds: float = 15.0,
        attempt_timeout_seconds: float = 5.0,
        connect_timeout_seconds: float = 3.0,
        schema: str | None = None,
        pooler: Pooler | None = None,
        users: UsersTable | None = None,
        row_security: bool = False,
        thread_order: ThreadOrder = "created_at",
        preview_urls: PreviewUrls | None = None,
    ) -> None:
        self._settings = Settings(
            user_id=user_id,
            max_page_size=max_page_size,
            on_unreadable=on_unreadable,
            pool_size=pool_size,
            retry_seconds=retry_seconds,
            attempt_timeout_seconds=attempt_timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            schema=schema,
            pooler=pooler,
            users=users,
            row_security=row_security,
            thread_order=thread_order,
            preview_urls=preview_urls,
        )
        chosen, owned = engine_of(database_url, engine, self._settings)
        self._use(Database(chosen, owned=owned, settings=self._settings, tables=KnownTables(self._settings)))

    def _use(self, database: Database | BoundDatabase) -> None:
        self._database = database
        self._calls = Calls(database, self._settings)

    @property
    def engine(self) -> AsyncEngine:
        """The engine in use: the one given, or the store's own."""
        return self._database.engine

    @property
    def schema(self) -> str | None:
        """Where the tables are; None: in the first schema of the search path."""
        return self._settings.schema

    def user_id_of(self, context: TContext) -> str:
        """Return the id of the user whom *context* names, as the tables have it.

        Raises:
            MissingUserError: It names none.
        """
        return self._calls.user(context)

    async def initialize(self, *, migrate: bool = True) -> None:
        """Bring the database to the schema this release needs, or only check that it is there.

        Any number of processes may do so at once. A schema from a newer release is accepted, with a warning,
        when it records that it still serves this one.

        Args:
            migrate: False checks and changes nothing.

        Raises:
            SchemaOutOfDateError: The database is empty or behind, does not refer to *users* yet or lacks the index of
                *thread_order*, and *migrate* is False or the store is under row security.
            SchemaTooNewError: The database was migrated by a newer release that no longer serves this one.
            SchemaError: The tables, or the record of their revision, are another program's.
            StoreUnavailableError: The server could not be reached within 7 seconds.
            ConfigurationError: The server refuses the login, the role lacks rights, TLS cannot be had, there is no
                such schema or table of users, or row security would not hold the role.
        """
        await prepare(self._database, self._settings, migrate=migrate)

    def bind(self, connection: AsyncConnection | AsyncSession) -> Self:
        """Return a store whose calls are part of the transaction on *connection*.

        What they write is committed, or rolled back, with whatever else is done there, and until then seen by nobody
        else. Each is still one statement, and a round trip more where the transaction begins with it. Nothing is sent
        again, and a caller's cancellation reaches the statement: what a transaction cannot go on from, its owner has
        to repeat. A call that finds nothing leaves the transaction usable. Appending to a thread keeps others from
        appending to it until the transaction ends: keep it short.

        Args:
            connection: On asyncpg, to the database with the store's tables. It stays the caller's, to be closed by it.

        Raises:
            ConfigurationError: It is neither an ``AsyncConnection`` nor an ``AsyncSession``, or not on asyncpg.
        """
        bound = copy(self)
        bound._use(BoundDatabase(connection, self._settings, self._database.tables))  # noqa: SLF001  # it is one of us
        return bound

    async def close(self) -> None:
        """Wait for writes still on their way, then close the connections; those of ``engine=`` stay open."""
        await self._database.close()

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
        """Return a new thread id: the SDK's prefix and 128 random bits, where the SDK has 32."""
        return generate_id("thread")

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext) -> str:
        """Return a new item id: the SDK's prefix for *item_type* and 128 random bits, where the SDK has 32."""
        return generate_id(item_type)

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """Return a thread's metadata.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnreadableItemError: The installed SDK cannot read it.
        """
        values = {"user_id": self._calls.user(context), "id": check_id(thread_id, "thread_id")}
        rows = await self._database.read("load_thread", SQL.load_thread, values)
        return THREADS.decode(thread_id, one(rows, "Thread", thread_id))

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Insert a thread, or replace its metadata whole; the last writer wins.

        Of a `Thread`, which the SDK passes too, the items are not stored. The time the thread is listed by is
        that of its first save. Another user's thread of the same id is another thread.

        Raises:
            UnstorableItemError: JSON cannot hold it.
            ValueError: PostgreSQL cannot hold its ``created_at``.
        """
        values = {"user_id": self._calls.user(context), **thread_values(thread)}
        await self._database.write("save_thread", SQL.save_thread, values)

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        """Return one page of the user's threads by time of creation, or of last activity, ties by id.

        By last activity a thread may move while pages are read: newest first none comes twice, and one that moved up
        is on a new first page; oldest first it comes again, at the end.

        Args:
            limit: Rows wanted, at least 1; more than ``max_page_size`` is cut to it.
            after: ``Page.after`` to continue behind, exclusive, by creation any thread id; None starts at the edge.
            order: "asc" for the oldest first, "desc" for the newest.

        Raises:
            NotFoundError: *after* is no thread of this user; by last activity, no cursor.
            ValueError: *limit* is below 1, or *order* is neither "asc" nor "desc".
        """
        return await self._calls.page_of_threads("load_threads", limit, after, order, context)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete a thread with its items and attachments; one that is not there is no error."""
        values = {"user_id": self._calls.user(context), "id": check_id(thread_id, "thread_id")}
        await self._database.write("delete_thread", SQL.delete_thread, values)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        """Return one page of a thread's items, in the order in which they were added.

        A thread that is not there, or another user's, is an empty page.

        Args:
            thread_id: The thread.
            after: Item id to continue behind, exclusive; None starts at the edge.
            limit: Rows wanted, at least 1; more than ``max_page_size`` is cut to it.
            order: "asc" for the oldest first, "desc" for the newest.

        Raises:
            NotFoundError: *after* is no item of this thread.
            ValueError: *limit* is below 1, or *order* is neither "asc" nor "desc".
        """
        request = self._calls.page_request(limit, after, order)
        key = {"user_id": self._calls.user(context), "thread_id": check_id(thread_id, "thread_id")}
        page = await self._calls.page("load_thread_items", SQL.pages_of_items, request, key, ITEMS)
        await self._calls.refresh_previews(key["user_id"], page.data)
        return page

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Append an item to a thread.

        An id that is already in the thread is the same item, which the SDK adds again when it is done or was
        cancelled: its document is replaced and its place kept, except that a pending document never replaces
        one that is completed, answered or skipped.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL cannot hold its ``created_at``.
        """
        await self._calls.write_item("add_thread_item", SQL.append_item, thread_id, item, context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Replace an item in its place, or append it when the thread has none of its id.

        Raises:
            NotFoundError: There is no such thread, or it is another user's.
            UnstorableItemError: JSON cannot hold the item.
            ValueError: PostgreSQL cannot hold its ``created_at``.
        """
        await self._calls.write_item("save_item", SQL.replace_item, thread_id, item, context)

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Return one item of a thread.

        Raises:
            NotFoundError: There is no such item in this thread, or it is another user's.
            UnreadableItemError: The installed SDK cannot read it.
        """
        values = self._calls.item_key(thread_id, item_id, context)
        warn_of_placeholder("load_item", item_id)
        rows = await self._database.read("load_item", SQL.load_item, values)
        item = ITEMS.decode(item_id, one(rows, "Item", item_id))
        await self._calls.refresh_previews(values["user_id"], [item])
        return item

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete one item of a thread; one that is not there is no error."""
        values = self._calls.item_key(thread_id, item_id, context)
        warn_of_placeholder("delete_thread_item", item_id)
        await self._database.write("delete_thread_item", SQL.delete_item, values)

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Return an attachment's metadata.

        Raises:
            NotFoundError: There is no such attachment, or it is another user's.
            UnreadableItemError: The installed SDK cannot read it.
        """
        values = {"user_id": self._calls.user(context), "id": check_id(attachment_id, "attachment_id")}
        rows = await self._database.read("load_attachment", SQL.load_attachment, values)
        attachment = ATTACHMENTS.decode(attachment_id, one(rows, "Attachment", attachment_id))
        await self._calls.refresh_previews(values["user_id"], [attachment])
        return attachment

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Insert an attachment's metadata, or replace it whole.

        Its ``thread_id`` may come later, with the first message that uses it; the attachment then goes when the
        thread does.

        Raises:
            NotFoundError: Its thread is not there, or is another user's.
            UnstorableItemError: JSON cannot hold it.
        """
        values = {"user_id": self._calls.user(context), **attachment_values(attachment)}
        if values["thread_id"] is None:
            await self._database.write("save_attachment", SQL.save_attachment, values)
            return
        rows = await self._database.write("save_attachment", SQL.save_thread_attachment, values)
        one(rows, "Thread", values["thread_id"])

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment's metadata; one that is not there is no error."""
        values = {"user_id": self._calls.user(context), "id": check_id(attachment_id, "attachment_id")}
        await self._database.write("delete_attachment", SQL.delete_attachment, values)
