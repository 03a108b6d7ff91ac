"""A thread's metadata from the journal into the database, where it may have changed meanwhile."""

import logging
from typing import Any, Protocol, cast, runtime_checkable

from chatkit.store import NotFoundError, Store
from chatkit.types import ThreadMetadata
from pydantic_core import from_json, to_json

from chatkit_pgstore._codec import THREADS
from chatkit_pgstore.buffered._entry import Entry
from chatkit_pgstore.errors import StoreError

logger = logging.getLogger("chatkit_pgstore")

ATTEMPTS = 10
"""How often a thread may change between being read and being replaced before it is left for later."""

Document = dict[str, Any]


@runtime_checkable
class ComparesAndReplaces(Protocol):
    """A store that replaces a thread if it is still what was read, as `PostgresStore` does."""

    async def replace_thread(self, thread: ThreadMetadata, expected: ThreadMetadata, context: Any) -> bool:
        """Replace *thread* where it is *expected*, and return whether it was."""
        ...


async def send_thread(entry: Entry, store: Store[Any], context: Any) -> bool:
    """Bring the thread of *entry* into the database, and return whether it is now what the entry says.

    What was changed there meanwhile stays: the entry's changes go field by field to where nothing else was changed.

    Raises:
        NotFoundError: It was there, and is gone.
    """
    refused: ThreadMetadata | None = None
    for _ in range(ATTEMPTS):
        current = await _current(entry, store, context)
        if current is None:
            await store.save_thread(_decoded(entry, entry.document), context)
            return True
        theirs = _document(current)
        wanted = _merged(entry, theirs)
        is_ours = bool(wanted == from_json(entry.document))
        if wanted == theirs:
            return is_ours
        if await _replaced(store, _decoded(entry, to_json(wanted).decode()), current, refused, context):
            return is_ours
        refused = current
    raise StoreError(f"thread {entry.thread_id} changes all the time")


async def _current(entry: Entry, store: Store[Any], context: Any) -> ThreadMetadata | None:
    """Return the thread as the database has it; None when it is not there, and never was."""
    try:
        return await store.load_thread(entry.thread_id, context)
    except NotFoundError:
        if entry.base is not None:
            raise
        return None


async def _replaced(
    store: Store[Any], wanted: ThreadMetadata, current: ThreadMetadata, refused: ThreadMetadata | None, context: Any
) -> bool:
    # Refused although nothing has changed: the document there was written in another form, by another SDK.
    if refused != current and isinstance(store, ComparesAndReplaces):
        return await _comparing(store).replace_thread(wanted, current, context)
    await store.save_thread(wanted, context)
    return True


def _comparing(store: object) -> ComparesAndReplaces:
    return cast("ComparesAndReplaces", store)


def _merged(entry: Entry, theirs: Document) -> Document:
    """Return *theirs* with the changes of *entry*; a thread made by the entry has changed if it differs."""
    ours = from_json(entry.document)
    base = ours if entry.base is None else from_json(entry.base)
    lost: list[str] = []
    merged = _merged_fields(base, ours, theirs, lost)
    if lost:
        logger.warning(
            "Thread %r was changed in the database during the outage: its %s there stays, and not what the journal "
            "holds",
            entry.thread_id,
            ", ".join(lost),
        )
    return merged


def _merged_fields(base: Document, ours: Document, theirs: Document, lost: list[str]) -> Document:
    names = dict.fromkeys((*theirs, *ours))
    merged: Document = {}
    for name in names:
        versions = [each.get(name, _ABSENT) for each in (base, ours, theirs)]
        value = _merged_value(name, versions, lost)
        if value is not _ABSENT:
            merged[name] = value
    return merged


def _merged_value(name: str, versions: list[Any], lost: list[str]) -> Any:
    base, ours, theirs = versions
    if ours in (base, theirs):
        return theirs
    if theirs == base:
        return ours
    if name == "metadata" and all(isinstance(each, dict) for each in versions):
        return _merged_fields(base, ours, theirs, lost)
    lost.append(name)
    return theirs


_ABSENT = object()


def _document(thread: ThreadMetadata) -> Document:
    document: Document = from_json(THREADS.encode(thread)[0])
    return document


def _decoded(entry: Entry, document: str) -> ThreadMetadata:
    return THREADS.decode(entry.thread_id, document)
