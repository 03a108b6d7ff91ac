"""Bytes in whatever obstore knows: a folder, a bucket of S3, Google or Azure, memory."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store
from typing_extensions import override

from chatkit_pgstore.attachments._bytes import Bytes, StoredFile

logger = logging.getLogger("chatkit_pgstore")

PART_BYTES = 1024 * 1024
CLOUD_PART_BYTES = 5 * 1024 * 1024
"""S3 takes no smaller part of an upload than this, but for the last."""

READ_BYTES = 256 * 1024

LOCAL = (LocalStore, MemoryStore)
SIGNING = (S3Store, GCSStore, AzureStore)


class ObjectBytes(Bytes):
    """Keeps bytes in an obstore store.

    Args:
        storage: Any store of obstore.
    """

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._part_bytes = PART_BYTES if isinstance(storage, LOCAL) else CLOUD_PART_BYTES

    @override
    async def write(self, file: StoredFile, chunks: AsyncIterator[bytes]) -> None:
        """Store all of *chunks*, or nothing when they raise: obstore then aborts the upload."""
        await obstore.put_async(
            self._storage,
            file.storage_key,
            chunks,
            attributes=_attributes(file) if isinstance(self._storage, SIGNING) else None,
            chunk_size=self._part_bytes,
            # Each part on its way is a part in memory.
            max_concurrency=1,
        )

    @override
    async def read(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Yield the bytes of *file*, 256 KiB or more at a time."""
        found = await obstore.get_async(self._storage, file.storage_key)
        async for chunk in found.stream(min_chunk_size=READ_BYTES):
            yield bytes(chunk)

    @override
    async def delete(self, file: StoredFile) -> None:
        """Delete the bytes of *file*, and in a folder what an upload has left whose process was killed."""
        try:
            await obstore.delete_async(self._storage, file.storage_key)
        except FileNotFoundError:
            logger.debug("The bytes of the attachment %r are gone already", file.id)
        if isinstance(self._storage, LocalStore):
            await asyncio.to_thread(_delete_unfinished, Path(self._storage.prefix or "/"), file.storage_key)


async def provider_url(storage: Any, key: str, seconds: float) -> str | None:
    """Return the provider's own signed URL of an object; None where there is none to be had."""
    if not isinstance(storage, SIGNING):
        return None
    try:
        return await obstore.sign_async(storage, "GET", key, timedelta(seconds=seconds))
    except BaseError as error:
        logger.warning("The provider signs no URL, so the file is served by the app: %s", error)
        return None


def _delete_unfinished(folder: Path, key: str) -> None:
    """Delete what obstore writes an object to until it is whole: ``key#1`` and so on; its own calls do not see it."""
    for path in folder.glob(f"{key}#*"):
        path.unlink(missing_ok=True)


def _attributes(file: StoredFile) -> dict[str, str]:
    """Return what a provider says of a file it serves: to be saved, and not to be shown as a page."""
    return {"Content-Type": file.mime_type, "Content-Disposition": "attachment"}
