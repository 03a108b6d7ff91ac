"""One upload: its bytes are checked on their way, and whatever is refused leaves nothing."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus

from chatkit_pgstore.attachments._bytes import Bytes
from chatkit_pgstore.attachments._checks import HEAD_BYTES, check_content, check_size, plain_type
from chatkit_pgstore.attachments._errors import RefusedFileError, deleted_meanwhile
from chatkit_pgstore.attachments._rows import Claim, FileRows, Left

logger = logging.getLogger("chatkit_pgstore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a client sends, and what it says of it."""

    chunks: AsyncIterator[bytes]
    mime_type: str
    size: int | None
    """How many bytes there have to be; None: nobody has said."""
    length: int | None = None
    """How many are about to come, by the request itself; None: it comes in chunks, or is a form."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored."""

    size: int
    sha256: str


class Uploads:
    """Takes uploads.

    Args:
        rows: Where it is written that a file is whole.
        storage: Where its bytes go.
        max_bytes: The largest file that is taken.
        seconds: How long its bytes may take to come.
    """

    def __init__(self, rows: FileRows, storage: Bytes, *, max_bytes: int, seconds: float) -> None:
        self._rows = rows
        self._storage = storage
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def receive(self, claim: Claim, body: Body, *, has_attachment: bool) -> Stored:
        """Store what *body* brings, or, when it fails, delete its bytes, its row and its attachment.

        Raises:
            RefusedFileError: It is not what it should be, or was deleted meanwhile.
        """
        try:
            stored = await self._written(claim, body)
            await self._finish(claim, stored, has_attachment=has_attachment)
        except BaseException as error:
            was_deleted = await self._discard(claim) is Left.GONE
            if was_deleted and isinstance(error, Exception):
                # Whatever else it may have been: the storage may miss what went with the row.
                raise deleted_meanwhile() from error
            raise
        return stored

    async def _finish(self, claim: Claim, stored: Stored, *, has_attachment: bool) -> None:
        if not await self._rows.finish(claim, stored.size, stored.sha256, has_attachment=has_attachment):
            raise deleted_meanwhile()

    async def _written(self, claim: Claim, body: Body) -> Stored:
        mime_type = claim.file.mime_type
        if plain_type(body.mime_type) != plain_type(mime_type):
            raise RefusedFileError(
                f"The file was announced as {mime_type}, and must be sent with this Content-Type.",
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            )
        _check_length(body, self._max_bytes)
        checked = _Checked(body, mime_type, self._max_bytes, self._seconds)
        await self._storage.write(claim.file, checked.chunks())
        return Stored(checked.size, checked.digest.hexdigest())

    async def _discard(self, claim: Claim) -> Left | None:
        """Delete the attachment, then the bytes, then the row; what of it fails is the sweep's."""
        left = None
        try:
            left = await self._rows.give_up(claim)
            if left is not Left.TAKEN:
                await self._storage.delete(claim.file)
                await self._rows.forget(claim.file)
        except Exception:
            logger.exception("What an upload of the attachment %r has left stays until the sweep", claim.file.id)
        return left


def _check_length(body: Body, max_bytes: int) -> None:
    """Refuse what cannot be right before any of it is read."""
    for size in (body.size, body.length):
        if size is not None:
            check_size(size, max_bytes)
    if body.size is not None and body.length is not None and body.size != body.length:
        raise RefusedFileError(f"The file was announced with {body.size:,} bytes, but {body.length:,} are sent.")


class _Checked:
    """The bytes of an upload, none of which is handed on before it was checked."""

    size = 0

    def __init__(self, body: Body, mime_type: str, max_bytes: int, seconds: float) -> None:
        self.digest = hashlib.sha256()
        self._body = body
        self._mime_type = mime_type
        self._most = max_bytes if body.size is None else body.size
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes.

        Raises:
            RefusedFileError: There are too many or too few, they come too slowly, or are of another type.
        """
        arriving = self._counted()
        head = b""
        while len(head) < HEAD_BYTES and (chunk := await anext(arriving, None)) is not None:
            head += chunk
        check_content(head[:HEAD_BYTES], self._mime_type)
        yield head
        async for chunk in arriving:
            yield chunk

    async def _counted(self) -> AsyncIterator[bytes]:
        async for chunk in self._in_time():
            self._count(chunk)
            yield chunk
        if self._body.size is not None and self.size < self._body.size:
            raise RefusedFileError(f"Of {self._body.size:,} bytes only {self.size:,} came.")

    async def _in_time(self) -> AsyncIterator[bytes]:
        deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            while True:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(self._body.chunks, None)
                if chunk is None:
                    return
                yield chunk
        except TimeoutError:
            raise RefusedFileError("The upload took too long.", HTTPStatus.REQUEST_TIMEOUT) from None

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        check_size(self.size, self._max_bytes)
        if self.size > self._most:
            raise RefusedFileError(f"The file is larger than the {self._most:,} bytes that were announced.")
        self.digest.update(chunk)
