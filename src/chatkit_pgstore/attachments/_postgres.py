"""Bytes in the database itself, for those without a bucket."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable
from typing_extensions import override

from chatkit_pgstore._layout import Layout
from chatkit_pgstore.attachments import _statements as sql
from chatkit_pgstore.attachments._bytes import Bytes, StoredFile
from chatkit_pgstore.attachments._errors import deleted_meanwhile
from chatkit_pgstore.attachments._rows import acting, again
from chatkit_pgstore.errors import UnknownUserError
from chatkit_pgstore.store import PostgresStore

MOST_BYTES = 20 * 1024 * 1024
"""Of one file. A larger one is better kept out of what a backup of the database has to carry."""

CHUNK_BYTES = 256 * 1024


Statement = Callable[[Layout], Executable]


@dataclass(frozen=True, slots=True)
class PostgresBytes:
    """Says that files are kept in the database of the store, in chunks of 256 KiB; each of at most 20 MiB."""


class DatabaseBytes(Bytes):
    """Keeps bytes in the table of chunks. Each chunk is a statement of its own, so that no connection is held.

    Args:
        store: Whose engine and tables are used.
    """

    def __init__(self, store: PostgresStore[Any]) -> None:
        self._store = store

    @override
    async def write(self, file: StoredFile, chunks: AsyncIterator[bytes]) -> None:
        """Store all of *chunks*; what is there of an earlier upload goes first.

        When they raise, what was stored stays until the file's row is deleted; no reader sees it.
        """
        await self._execute(file, lambda layout: sql.delete_chunks(file.user_id, file.id, layout))
        number = 0
        async for chunk in _of_one_size(chunks):
            await self._add(file, number, chunk)
            number += 1

    @override
    async def read(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Yield the chunks of *file*."""
        number = 0
        while (chunk := await self._chunk(file, number)) is not None:
            yield chunk
            number += 1

    @override
    async def delete(self, file: StoredFile) -> None:
        """Do nothing: the chunks go with the file's row, in the same moment."""

    async def _add(self, file: StoredFile, number: int, chunk: bytes) -> None:
        try:
            await self._execute(file, lambda layout: sql.add_chunk(file.user_id, file.id, number, chunk, layout))
        except UnknownUserError as error:
            # So the foreign key of every other table is explained. That of chunks says that the file's row is gone.
            raise deleted_meanwhile() from error

    async def _chunk(self, file: StoredFile, number: int) -> bytes | None:
        async def loaded() -> bytes | None:
            async with acting(self._store, file.user_id) as w:
                statement = sql.load_chunk(file.user_id, file.id, number, w.layout)
                return (await w.connection.execute(statement)).scalar()

        return await again(loaded)

    async def _execute(self, file: StoredFile, statement: Statement) -> None:
        async def executed() -> None:
            async with acting(self._store, file.user_id) as w:
                await w.connection.execute(statement(w.layout))

        await again(executed)


async def _of_one_size(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes, 256 KiB at a time."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
    if waiting:
        yield bytes(waiting)
