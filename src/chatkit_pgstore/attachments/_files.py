"""Files: where the bytes of attachments are, which are taken, and how the links to them are signed."""

from collections.abc import Iterable
from time import time
from typing import Any
from urllib.parse import urlsplit

from chatkit.types import ImageAttachment
from obstore.store import ObjectStoreMethods

from chatkit_pgstore.attachments._bytes import Bytes, storage_key
from chatkit_pgstore.attachments._checks import DEFAULT_TYPES, SHOWN_INLINE, plain_type
from chatkit_pgstore.attachments._objects import ObjectBytes, provider_url
from chatkit_pgstore.attachments._postgres import MOST_BYTES, DatabaseBytes, PostgresBytes
from chatkit_pgstore.attachments._tokens import Permit, Purpose, Tokens
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.store import PostgresStore


class Files:
    """Where the bytes of attachments are, which files are taken, and how the links to them are signed.

    Goes to the store, which sets fresh links to images on whatever it loads, and to `FileAttachments`:
    ``PostgresStore(url, preview_urls=files)``. Nothing is connected to before it is used.

    Args:
        storage: A store of obstore (a folder, a bucket, memory), or `PostgresBytes`.
        secret: At least 32 bytes that nobody can guess, the same in every process; it signs the links.
        public_url: Where browsers find ``FileAttachments.app()``, such as ``https://chat.example.com/files``.
        max_bytes: The largest file that is taken.
        mime_types: The types that are taken.
        url_seconds: How long a link to a file is good, at least, and one to upload to.
        upload_seconds: How long an upload may take.
        provider_urls: Whether a bucket's own signed links are handed out; False where browsers cannot reach it.

    Raises:
        ConfigurationError: One of them cannot be used.
    """

    def __init__(
        self,
        storage: Any,
        *,
        secret: str | bytes,
        public_url: str,
        max_bytes: int = MOST_BYTES,
        mime_types: Iterable[str] = DEFAULT_TYPES,
        url_seconds: float = 900.0,
        upload_seconds: float = 600.0,
        provider_urls: bool = True,
    ) -> None:
        check_storage(storage)
        self.storage = storage
        self.tokens = Tokens(secret)
        self.public_url = _checked_url(public_url)
        self.max_bytes = max_bytes
        self.mime_types = frozenset(plain_type(each) for each in mime_types)
        self.url_seconds = url_seconds
        self.upload_seconds = upload_seconds
        self._provider_urls = provider_urls
        if isinstance(storage, PostgresBytes) and max_bytes > MOST_BYTES:
            raise ConfigurationError(f"PostgresBytes takes files of at most {MOST_BYTES:,} bytes: lower max_bytes=.")
        if min(max_bytes, url_seconds, upload_seconds) < 1:
            raise ConfigurationError("max_bytes=, url_seconds= and upload_seconds= must be at least 1.")

    async def preview_url(self, user_id: str, attachment: ImageAttachment) -> str:
        """Return a link to an image that is good from now on; without a question to the database.

        The link of an attachment that was not made here, but by another attachment store, is returned as it is.

        Args:
            user_id: Whose attachment it is. Nobody else's file can be reached by the link.
            attachment: As it was stored; the link in it has most likely expired.
        """
        key = storage_key(user_id, attachment.id)
        stored = str(attachment.preview_url)
        return await self.url("preview", user_id, attachment.id) if key in stored else stored

    async def url(self, purpose: Purpose, user_id: str, attachment_id: str) -> str:
        """Return a link to look at a file or to save it: the provider's own, or one to the app."""
        if self._provider_urls:
            key = storage_key(user_id, attachment_id)
            if (theirs := await provider_url(self.storage, key, self.url_seconds)) is not None:
                return theirs
        return self.app_url(purpose, user_id, attachment_id)

    def app_url(self, purpose: Purpose, user_id: str, attachment_id: str, *, size: int | None = None) -> str:
        """Return a signed link to the app.

        It expires at a round time, so that it stays the same for a while and the browser need not load an image again.
        """
        half = max(1, int(self.url_seconds / 2))
        expires_at = (int(time()) // half + 3) * half
        permit = Permit(purpose=purpose, user_id=user_id, id=attachment_id, expires_at=expires_at, size=size)
        return f"{self.public_url}/{storage_key(user_id, attachment_id)}?token={self.tokens.token(permit)}"

    def is_image(self, mime_type: str) -> bool:
        """Whether browsers show files of this type, safely."""
        return plain_type(mime_type) in SHOWN_INLINE


def check_storage(storage: object) -> None:
    """Check that bytes can be kept in *storage*.

    Raises:
        ConfigurationError: They cannot.
    """
    if not isinstance(storage, (PostgresBytes, ObjectStoreMethods)):
        raise ConfigurationError(
            f"Files are kept in a store of obstore.store or in PostgresBytes(), not in a {type(storage).__name__}."
        )


def bytes_in(storage: Any, store: PostgresStore[Any]) -> Bytes:
    """Return what keeps bytes in *storage*, or in the database of *store*."""
    return DatabaseBytes(store) if isinstance(storage, PostgresBytes) else ObjectBytes(storage)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(f"public_url= must be like https://chat.example.com/files, not {url!r}.")
    return url.rstrip("/")
