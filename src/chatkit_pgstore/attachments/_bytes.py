"""Where the bytes of files are kept: what every such place can do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: whose it is, and where its bytes are."""

    user_id: str
    id: str
    """The attachment's."""
    storage_key: str
    mime_type: str


class Bytes(Protocol):
    """Keeps bytes. Only whole files are ever seen by a reader."""

    async def write(self, file: StoredFile, chunks: AsyncIterator[bytes]) -> None:
        """Store all of *chunks*, or nothing when they raise; a few of them at a time are in memory."""
        ...

    def read(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Yield the bytes of *file*, a few at a time.

        Raises:
            FileNotFoundError: They are not there.
        """
        ...

    async def delete(self, file: StoredFile) -> None:
        """Delete the bytes of *file*, whose row goes next; bytes that are not there are no error."""
        ...


def storage_key(user_id: str, attachment_id: str) -> str:
    """Return where the bytes of a user's file are.

    A digest: whatever letters an id holds, it names one place and leads to no other. An id holds no NUL, so that
    no two pairs are the same bytes.
    """
    digest = sha256(f"{user_id}\0{attachment_id}".encode()).hexdigest()
    return f"{digest[:2]}/{digest}"
