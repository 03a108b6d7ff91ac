"""The rows of one user's files: each method is a transaction, and may be made again."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from chatkit_pgstore.attachments import _statements as sql
from chatkit_pgstore.attachments._bytes import StoredFile
from chatkit_pgstore.errors import StoreUnavailableError
from chatkit_pgstore.operations._moving_work import act_as
from chatkit_pgstore.operations._work import Work, work
from chatkit_pgstore.store import PostgresStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """One upload's right to write the bytes of a file."""

    file: StoredFile
    moment: datetime
    """The file's updated_at; whoever claims it later has another."""


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file whose bytes are all stored, and the name its attachment gives it."""

    file: StoredFile
    name: str
    size: int
    sha256: str


class State(Enum):
    """Why a file cannot be claimed."""

    UNKNOWN = "unknown"
    UNDER_WAY = "under way"
    STORED = "stored"


class Left(Enum):
    """Whose a file is whose upload has failed."""

    OURS = "still the one's who claimed it"
    GONE = "nobody's: it was deleted"
    TAKEN = "another's, who has claimed it since"


class FileRows:
    """Reads and writes the rows of files.

    Every method raises StoreUnavailableError when the database does not answer, and UnknownUserError for a user whom
    the tables cannot hold.

    Args:
        store: Whose engine and tables are used.
    """

    def __init__(self, store: PostgresStore[Any]) -> None:
        self.store = store

    async def register(self, file: StoredFile) -> Claim | None:
        """Write the row of a file that has no bytes yet; None when there is one of this id that has."""

        async def written() -> Claim | None:
            async with acting(self.store, file.user_id) as w:
                moment = (await w.connection.execute(sql.register_file(file, w.layout))).scalar()
            return None if moment is None else Claim(file, moment)

        return await again(written)

    async def claim(self, user_id: str, file_id: str, *, lease_seconds: float) -> Claim | State:
        """Take the right to upload a file, or tell why it cannot be had."""

        async def claimed() -> Claim | State:
            async with acting(self.store, user_id) as w:
                statement = sql.claim_file(user_id, file_id, w.layout, lease_seconds=lease_seconds)
                row = (await w.connection.execute(statement)).first()
                if row is None:
                    return await _state(w, user_id, file_id)
            return Claim(StoredFile(user_id, file_id, row.storage_key, row.mime_type), row.updated_at)

        return await again(claimed)

    async def finish(self, claim: Claim, size: int, sha256: str, *, has_attachment: bool) -> bool:
        """Record that all bytes are stored; False when the claim, or the attachment, is gone meanwhile.

        The attachment, where there is one yet, loses its upload_descriptor in the same transaction.
        """

        async def finished() -> bool:
            file = claim.file
            async with acting(self.store, file.user_id) as w:
                if has_attachment and not await _take_descriptor_off(w, file):
                    return False
                values = {"claim": claim.moment, "all_bytes": size, "digest": sha256}
                statement = sql.finish_file(file.user_id, file.id, w.layout)
                return (await w.connection.execute(statement, values)).first() is not None

        return await again(finished)

    async def give_up(self, claim: Claim) -> Left:
        """Delete the attachment of an upload that failed, if the file is still ours, and tell whose it is."""

        async def given_up() -> Left:
            file = claim.file
            async with acting(self.store, file.user_id) as w:
                statement = sql.lock_claimed(file.user_id, file.id, w.layout)
                if (await w.connection.execute(statement, {"claim": claim.moment})).first() is not None:
                    await w.connection.execute(sql.delete_attachment(file.user_id, file.id, w.layout))
                    return Left.OURS
                row = (await w.connection.execute(sql.any_file(file.user_id, file.id, w.layout))).first()
                return Left.GONE if row is None else Left.TAKEN

        return await again(given_up)

    async def find(self, user_id: str, file_id: str) -> WholeFile | None:
        """Return a file whose bytes are all stored, and which an attachment names."""

        async def found() -> WholeFile | None:
            async with acting(self.store, user_id) as w:
                row = (await w.connection.execute(sql.find_file(user_id, file_id, w.layout))).first()
            if row is None or row.size is None:
                return None
            file = StoredFile(user_id, file_id, row.storage_key, row.mime_type)
            return WholeFile(file, str(json.loads(row.document).get("name", file_id)), row.size, row.sha256)

        return await again(found)

    async def any(self, user_id: str, file_id: str) -> StoredFile | None:
        """Return a file, stored or not, whatever names it."""

        async def found() -> StoredFile | None:
            async with acting(self.store, user_id) as w:
                row = (await w.connection.execute(sql.any_file(user_id, file_id, w.layout))).first()
            return None if row is None else StoredFile(user_id, file_id, row.storage_key, row.mime_type)

        return await again(found)

    async def forget(self, file: StoredFile) -> None:
        """Delete the row of a file, whose bytes have to be gone, but for those in the database."""

        async def forgotten() -> None:
            async with acting(self.store, file.user_id) as w:
                await w.connection.execute(sql.delete_file(file.user_id, file.id, w.layout))

        await again(forgotten)


@asynccontextmanager
async def acting(store: PostgresStore[Any], user_id: str) -> AsyncGenerator[Work, None]:
    """Yield a transaction that sees the rows of this user, under row security too."""
    async with work(store) as w:
        await act_as(w, user_id)
        yield w


async def again(action: Callable[[], Awaitable[T]]) -> T:
    """Return what an idempotent *action* returns; where its connection turned out to be dead, of another attempt."""
    try:
        return await action()
    except StoreUnavailableError:
        return await action()


async def _state(w: Work, user_id: str, file_id: str) -> State:
    row = (await w.connection.execute(sql.find_file(user_id, file_id, w.layout))).first()
    if row is None:
        return State.UNKNOWN
    return State.UNDER_WAY if row.size is None else State.STORED


async def _take_descriptor_off(w: Work, file: StoredFile) -> bool:
    """Make the attachment one that needs no upload any more; False when there is none."""
    document = (await w.connection.execute(sql.lock_attachment(file.user_id, file.id, w.layout))).scalar()
    if document is None:
        return False
    # Not by the SDK's own classes: an older one would drop what a newer one has written.
    changed = json.dumps({**json.loads(document), "upload_descriptor": None}, ensure_ascii=False)
    await w.connection.execute(sql.replace_document(file.user_id, file.id, changed, w.layout))
    return True
