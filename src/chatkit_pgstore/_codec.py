"""ChatKit's objects to the values of their rows, and stored documents back to objects.

A document is the whole object as pydantic writes it in JSON, read back before it is stored, so that nothing gets
in that could not get out. Equal means equal after pydantic's own JSON round trip: NaN and infinity become null;
tuples, sets, bytes, Decimal and keys that are no text take their JSON form.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Generic, TypeVar, get_args

from chatkit.types import Attachment, ThreadItem, ThreadMetadata
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from chatkit_pgstore._ids import PLACEHOLDER_ID, check_id, generate_id
from chatkit_pgstore._reading import read, read_all, reason
from chatkit_pgstore._writing import written
from chatkit_pgstore.errors import UnreadableItemError, UnstorableItemError

T = TypeVar("T")

FINISHED = ("completed", "answered", "skipped")
"""The statuses whose documents a pending one never replaces when it is added again."""


NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL as JSON writes it: its backslash is not itself escaped by one before it."""


class Codec(Generic[T]):
    """Writes and reads the documents of one kind of object."""

    def __init__(self, kind: str, adapter: TypeAdapter[T]) -> None:
        self._kind = kind
        self._adapter = adapter

    def encode(self, value: BaseModel) -> tuple[str, T]:
        """Return the document of *value*, and the object that reading it gives.

        Raises:
            UnstorableItemError: JSON cannot hold it, or it could not be read back.
        """
        document = written(self._kind, value)
        try:
            return document, read(self._adapter, document)
        except ValidationError as error:
            # Not chained: pydantic's message quotes the conversation.
            raise UnstorableItemError(
                f"{self._kind} {getattr(value, 'id', None)!r} cannot be stored, for it could not be read back: "
                f"{reason(error)}. Nothing was written."
            ) from None

    def decode(self, row_id: str, document: str) -> T:
        """Return the object kept in *document*.

        Raises:
            UnreadableItemError: The installed SDK cannot read it.
        """
        try:
            return read(self._adapter, document)
        except ValidationError as error:
            raise UnreadableItemError(
                f"{self._kind} {row_id!r} cannot be read by openai-chatkit {version('openai-chatkit')}: "
                f"{reason(error)}. It is kept as it is; a release that knows it will read it."
            ) from None

    def decode_all(self, rows: Sequence[Sequence[Any]]) -> list[T]:
        """Return the objects kept in *rows*, each of which begins with an id and the document that goes by it.

        Raises:
            UnreadableItemError: The installed SDK cannot read one of them.
        """
        try:
            return read_all(self._adapter, [row[1] for row in rows])
        except ValidationError:
            return [self.decode(row[0], row[1]) for row in rows]


def _complete(*models: type[BaseModel]) -> None:
    """Complete models that refer to later ones, as pydantic does by itself when one is first instantiated.

    Reading a document instantiates them in another way, and before 2.14 pydantic then cannot write them: the server
    could not answer with a page that was the first thing it read.
    """
    for model in models:
        model.model_rebuild()


_complete(ThreadMetadata, *get_args(get_args(ThreadItem)[0]), *get_args(get_args(Attachment)[0]))

THREADS: Codec[ThreadMetadata] = Codec("Thread", TypeAdapter(ThreadMetadata))
ITEMS: Codec[ThreadItem] = Codec("Item", TypeAdapter(ThreadItem))
ATTACHMENTS: Codec[Attachment] = Codec("Attachment", TypeAdapter(Attachment))


def thread_values(thread: ThreadMetadata) -> dict[str, Any]:
    """Return the values of a thread's row.

    Raises:
        ValueError: Its id cannot be stored, or PostgreSQL cannot hold its time.
        UnstorableItemError: See `Codec.encode`.
    """
    check_id(thread.id, "thread.id")
    document, stored = THREADS.encode(thread)
    return {
        "id": stored.id,
        "thread": document,
        "metadata": metadata_document(stored.metadata),
        "created_at": column_time(stored.created_at, "thread.created_at"),
    }


def metadata_document(metadata: dict[str, Any]) -> str:
    """Return a thread's *metadata*, out of a document, for a ``jsonb`` column; that holds no NUL, but U+FFFD for it."""
    document = to_json(metadata).decode()
    return NUL.sub(r"\1\\ufffd", document) if "\\u0000" in document else document


def filter_document(metadata: Mapping[str, Any]) -> str:
    """Return what a thread's metadata has to contain, as they are stored.

    Raises:
        ValueError: It is no mapping, or JSON cannot hold it.
    """
    if not isinstance(metadata, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise ValueError(f"metadata must be a mapping, not {type(metadata).__name__}")
    try:
        _, wanted = THREADS.encode(ThreadMetadata(id="filter", created_at=datetime.now(UTC), metadata=dict(metadata)))
    except (UnstorableItemError, ValidationError):
        # Not chained: pydantic's message may quote what is looked for.
        raise ValueError("metadata must be what JSON can hold, with names that are text") from None
    return metadata_document(wanted.metadata)


def item_values(item: ThreadItem) -> dict[str, Any]:
    """Return the values of an item's row; under a fresh id where the item has only the placeholder.

    Raises:
        ValueError: Its id cannot be stored, or PostgreSQL cannot hold its time.
        UnstorableItemError: See `Codec.encode`.
    """
    check_id(item.id, "item.id")
    if item.id == PLACEHOLDER_ID:
        item = item.model_copy(update={"id": generate_id("message")})
    document, stored = ITEMS.encode(item)
    return {
        "id": stored.id,
        "type": stored.type,
        # Most types have none, and pydantic takes long to say so.
        "status": vars(stored).get("status"),
        "item": document,
        "created_at": column_time(stored.created_at, "item.created_at"),
    }


def attachment_values(attachment: Attachment) -> dict[str, Any]:
    """Return the values of an attachment's row.

    Raises:
        ValueError: Its id, or its thread's, cannot be stored.
        UnstorableItemError: See `Codec.encode`.
    """
    check_id(attachment.id, "attachment.id")
    # Before 1.6 the SDK's attachments knew no thread.
    thread_id = vars(attachment).get("thread_id")
    if thread_id is not None:
        check_id(thread_id, "attachment.thread_id")
    document, stored = ATTACHMENTS.encode(attachment)
    return {"id": stored.id, "thread_id": thread_id, "attachment": document}


def column_time(value: datetime, field: str) -> datetime:
    """Return *value* for a ``timestamptz`` column; a naive one is local time, as the SDK's ``datetime.now()`` is.

    Raises:
        ValueError: In UTC it falls outside the years 1 to 9999.
    """
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        raise ValueError(f"{field} must be a time within the years 1 to 9999 in UTC, not {value!s}") from None
