"""FileAttachments: ChatKit's AttachmentStore, which keeps the files too."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic

from chatkit.store import AttachmentStore
from chatkit.types import Attachment, AttachmentCreateParams
from starlette.applications import Starlette
from starlette.requests import Request
from typing_extensions import TypeVar, override

from chatkit_pgstore._ids import check_id, generate_id
from chatkit_pgstore.attachments._app import FilesApp
from chatkit_pgstore.attachments._desk import Desk
from chatkit_pgstore.attachments._files import Files
from chatkit_pgstore.attachments._multipart import FormFile
from chatkit_pgstore.attachments._sweep import GRACE_SECONDS, Swept, sweep
from chatkit_pgstore.buffered import BufferedStore
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.store import PostgresStore

logger = logging.getLogger("chatkit_pgstore")

TContext = TypeVar("TContext", default=Any)


class FileAttachments(AttachmentStore[TContext], Generic[TContext]):
    """Keeps the files of attachments, and the attachments' rows in step with them.

    Every file has a row in ``chatkit_files`` before its first byte is stored, so that whatever happens, `sweep` finds
    it: a file whose attachment is gone, with its thread or its user or by itself, goes with the next sweep.

    Args:
        store: A `PostgresStore`, or a `BufferedStore` around one. While the database is away no file is taken.
        files: Where bytes go, which are taken, and how links are signed. Give it to the store too.

    Raises:
        ConfigurationError: *store* is another one.

    Every method that takes a context raises what those of `PostgresStore` raise.
    """

    def __init__(self, store: PostgresStore[TContext] | BufferedStore[TContext], files: Files) -> None:
        inner: Any = getattr(store, "store", store)
        if not _is_postgres(inner):
            raise ConfigurationError(f"Files need a PostgresStore, or a BufferedStore around one, not a {store!r}.")
        self._store = store
        self._files = files
        self._desk = Desk(inner, files)
        self._user: Callable[[TContext], str] = store.user_id_of

    @override
    async def create_attachment(self, input: AttachmentCreateParams, context: TContext) -> Attachment:
        """Register a file that is to be uploaded, and return its attachment with a signed link to do so.

        The ChatKit server saves the attachment behind it. Nothing is stored yet but the file's row.

        Raises:
            RefusedFileError: A file of this name, size or type is not taken; the message is for the user.
        """
        user_id = self._user(context)
        return await self._desk.announce(user_id, self.generate_attachment_id(input.mime_type, context), input)

    @override
    def generate_attachment_id(self, mime_type: str, context: TContext) -> str:
        """Return a new attachment id: the SDK's prefix and 128 random bits, where the SDK has 32."""
        return generate_id("attachment")

    @override
    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment, then its bytes and the file's row; one that is not this user's is no error.

        What a crash leaves half-way is the next sweep's.
        """
        user_id = self._user(context)
        await self._store.delete_attachment(check_id(attachment_id, "attachment_id"), context)
        await self._desk.remove(user_id, attachment_id)

    def read(self, attachment_id: str, context: TContext) -> AsyncIterator[bytes]:
        """Return the bytes of an attachment, for a model's input, as an iterator over chunks.

        Raises:
            NotFoundError: Once iterated: there is no such attachment, it is another user's, or not uploaded yet.
        """
        return self._desk.read(self._user(context), attachment_id)

    async def download_url(self, attachment_id: str, context: TContext) -> str:
        """Return a short-lived link by which whoever has it can save the file.

        Raises:
            NotFoundError: There is no such attachment, it is another user's, or not uploaded yet.
        """
        user_id = self._user(context)
        await self._desk.whole(user_id, attachment_id)
        return await self._files.url("download", user_id, attachment_id)

    def app(self, *, direct: Callable[[Request], Awaitable[TContext]] | None = None) -> Starlette:
        """Return a Starlette app to be mounted where ``public_url`` points.

        It takes uploads and serves files by signed links, and asks for no sign-in to do so.

        Args:
            direct: Called with a request to upload without a link, ``POST direct``, returns its context, or raises
                Starlette's HTTPException where there is no such user. None: there are no such uploads.
        """
        take = None if direct is None else self._take
        return FilesApp(self._desk, direct, take).starlette

    async def sweep(self, grace_seconds: float = GRACE_SECONDS) -> Swept:
        """Delete every file that no attachment names, and that is older than the grace time.

        May be killed, run again, and run beside uploads and other sweeps.

        Args:
            grace_seconds: Longer than an upload may last.

        Raises:
            ConfigurationError: *grace_seconds* is below zero, or row security hides rows from the login: it takes that
                of the tables' owner.
            StoreUnavailableError: The database could not be reached, or went away; what was done stays done.
        """
        return await sweep(self._desk.store, self._desk.storage, grace_seconds)

    @asynccontextmanager
    async def sweeping(
        self, every_seconds: float = 3600.0, grace_seconds: float = GRACE_SECONDS
    ) -> AsyncGenerator[None, None]:
        """Sweep now and then as long as the block lasts; a sweep that fails is logged, and the next one tried.

        Args:
            every_seconds: From the end of a sweep to the next; the first is made at once.
            grace_seconds: As that of `sweep`.
        """
        task = asyncio.create_task(self._sweep_on(every_seconds, grace_seconds), name="chatkit_pgstore.sweeping")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _sweep_on(self, every_seconds: float, grace_seconds: float) -> None:
        while True:
            try:
                swept = await self.sweep(grace_seconds)
                logger.debug("Swept: deleted %d of %d files", swept.deleted, swept.looked_at)
            except Exception:
                logger.exception("A sweep failed; the next one is in %g seconds", every_seconds)
            await asyncio.sleep(every_seconds)

    async def _take(self, form: FormFile, context: TContext) -> Attachment:
        """Store a file that comes by itself, and its attachment behind it."""
        user_id, file_id = self._user(context), self.generate_attachment_id(form.mime_type, context)
        attachment = await self._desk.receive_new(user_id, file_id, form)
        try:
            await self._store.save_attachment(attachment, context)
        except BaseException:
            await self._desk.remove(user_id, file_id)
            raise
        return attachment


def _is_postgres(store: object) -> bool:
    return isinstance(store, PostgresStore)
