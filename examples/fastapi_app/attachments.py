"""What users have sent along, as a model can read it."""

import base64
from collections.abc import AsyncIterator
from typing import Protocol

from chatkit.store import NotFoundError
from chatkit.types import Attachment
from openai.types.responses import (
    ResponseInputContentParam,
    ResponseInputFileParam,
    ResponseInputImageParam,
    ResponseInputTextParam,
)

from chatkit_pgstore import StoreUnavailableError

from .auth import User

MAX_MODEL_BYTES = 8 * 1024 * 1024
"""Of all files in one request; what is more is named and not sent. Every turn sends them again."""

IMAGE_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
TEXT_TYPES = {"application/json", "application/xml", "application/yaml"}
PDF = "application/pdf"

UNREADABLE = (NotFoundError, StoreUnavailableError, OSError)
"""A file that cannot be had: it never came, it is gone, or nobody gets at it now. The chat goes on without it."""


class AttachmentReader(Protocol):
    """Reads the bytes of attachments; ``chatkit_pgstore.attachments.FileAttachments`` is one."""

    def read(self, attachment_id: str, context: User) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of this user, in chunks.

        Raises:
            NotFoundError: There is no such file, or it is another user's.
        """
        ...


class ModelFiles:
    """Reads attachments for one request to a model, until there are too many bytes.

    Args:
        reader: Reads the files.
        context: Whose they are.
    """

    def __init__(self, reader: AttachmentReader, context: User) -> None:
        self._reader = reader
        self._context = context
        self._bytes_left = MAX_MODEL_BYTES

    async def content_of(self, attachment: Attachment) -> ResponseInputContentParam:
        """Return *attachment* as a part of a message to a model: its content if it can be read, or else its name."""
        kind = attachment.mime_type.partition(";")[0].strip().lower()
        is_text = kind.startswith("text/") or kind in TEXT_TYPES
        if not (is_text or kind in IMAGE_TYPES or kind == PDF):
            return _named(attachment, "which is of a type that you cannot read")
        try:
            content = await self._read(attachment.id)
        except UNREADABLE:
            return _named(attachment, "which has not arrived, is gone, or cannot be reached at the moment")
        if content is None:
            return _named(attachment, "which is too large to show you")
        if is_text:
            text = content.decode(errors="replace")
            return _text(f"The user attached the file {attachment.name!r}. It says:\n{text}")
        return _image(kind, content) if kind in IMAGE_TYPES else _pdf(attachment.name, content)

    async def _read(self, attachment_id: str) -> bytes | None:
        """Return the whole file, or None as soon as it turns out to be too large."""
        content = bytearray()
        async for chunk in self._reader.read(attachment_id, self._context):
            content += chunk
            if len(content) > self._bytes_left:
                return None
        self._bytes_left -= len(content)
        return bytes(content)


def _named(attachment: Attachment, reason: str) -> ResponseInputTextParam:
    return _text(f"The user attached the file {attachment.name!r} ({attachment.mime_type}), {reason}.")


def _text(text: str) -> ResponseInputTextParam:
    return ResponseInputTextParam(type="input_text", text=text)


def _image(kind: str, content: bytes) -> ResponseInputImageParam:
    return ResponseInputImageParam(type="input_image", detail="auto", image_url=_data_url(kind, content))


def _pdf(name: str, content: bytes) -> ResponseInputFileParam:
    return ResponseInputFileParam(type="input_file", filename=name, file_data=_data_url(PDF, content))


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
