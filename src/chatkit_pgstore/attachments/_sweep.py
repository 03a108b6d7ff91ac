"""The sweep: deletes the files that no attachment names any more, however it went."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from chatkit_pgstore.attachments import _statements as sql
from chatkit_pgstore.attachments._bytes import Bytes, StoredFile
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.operations._view import check_all_rows_are_seen
from chatkit_pgstore.operations._work import work
from chatkit_pgstore.store import PostgresStore

GRACE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has done."""

    looked_at: int
    """Files, whether anything names them or not."""
    deleted: int
    """Files that nothing named, with their bytes."""


async def sweep(store: PostgresStore[Any], storage: Bytes, grace_seconds: float = GRACE_SECONDS) -> Swept:
    """Delete every file that no attachment names, and that is older than the grace time.

    Walks by primary key, a thousand rows a step, and locks only what it deletes, each file in a transaction of its
    own: bytes first, then the row. One that ends half-way leaves the rest to the next; two may run at once.

    Args:
        store: Whose tables are walked, with a login that sees all of them.
        storage: Where the bytes are.
        grace_seconds: Longer than an upload may last, and than it takes to save an attachment behind its file.

    Raises:
        ConfigurationError: *grace_seconds* is below zero, or row security hides rows from the login.
        StoreUnavailableError: The database could not be reached, or went away.
    """
    if grace_seconds < 0:
        raise ConfigurationError(f"grace_seconds must not be below zero, not {grace_seconds:g}")
    looked_at = deleted = 0
    async for page in _pages(store, grace_seconds):
        looked_at += len(page)
        for row in page:
            if row.is_left and await _delete(store, storage, row, grace_seconds):
                deleted += 1
    return Swept(looked_at, deleted)


async def _pages(store: PostgresStore[Any], grace_seconds: float) -> AsyncIterator[Sequence[Row[Any]]]:
    values: dict[str, Any] = {"grace_seconds": grace_seconds}
    while True:
        async with work(store) as w:
            await check_all_rows_are_seen(w)
            statement = sql.page_of_files(w.layout, behind="after_id" in values)
            page = (await w.connection.execute(statement, values)).all()
        if not page:
            return
        yield page
        values |= {"after_user": page[-1].user_id, "after_id": page[-1].id}


async def _delete(store: PostgresStore[Any], storage: Bytes, row: Row[Any], grace_seconds: float) -> bool:
    """Delete a file under a lock on its row: an upload that would claim it, or finish it, waits and finds it gone."""
    async with work(store) as w:
        locked = sql.lock_left(row.user_id, row.id, w.layout)
        found = (await w.connection.execute(locked, {"grace_seconds": grace_seconds})).first()
        if found is None:
            return False
        await storage.delete(StoredFile(row.user_id, row.id, found.storage_key, found.mime_type))
        await w.connection.execute(sql.delete_file(row.user_id, row.id, w.layout))
    return True
