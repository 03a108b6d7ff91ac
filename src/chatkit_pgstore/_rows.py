"""One user's threads, items and attachments in memory, with the meaning that the statements give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from chatkit.store import NotFoundError
from chatkit.types import FeedbackKind, Page, ThreadItem, ThreadMetadata
from pydantic_core import from_json

from chatkit_pgstore._codec import FINISHED, ITEMS, THREADS, metadata_document
from chatkit_pgstore._feedback import Feedback
from chatkit_pgstore._paging import EPOCH, MICROSECOND, PageRequest, Row, cursor_by_activity, page_of, place_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item's document, and the status that decides whether another may replace it."""

    document: str
    status: str | None


@dataclass(slots=True)
class ThreadRow:
    """A thread's document, the time it is listed by, and its items."""

    document: str
    created_at: datetime
    items: dict[str, ItemRow] = field(default_factory=dict[str, ItemRow])
    """In the order in which they were added: a dictionary keeps the place of a value that is replaced."""
    feedback: dict[str, Feedback] = field(default_factory=dict[str, Feedback])
    """By the ids of items."""
    moved_at: int = 0
    """When an item was last added or the thread saved, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """An attachment's document, and the thread that it goes with."""

    document: str
    thread_id: str | None


@dataclass(slots=True)
class UserRows:
    """What one user has."""

    threads: dict[str, ThreadRow] = field(default_factory=dict[str, ThreadRow])
    attachments: dict[str, AttachmentRow] = field(default_factory=dict[str, AttachmentRow])
    last_move: int = 0

    def save_thread(self, thread_id: str, document: str, created_at: datetime) -> None:
        """Insert a thread or replace its document; the time of its first save stays."""
        thread = self.threads.setdefault(thread_id, ThreadRow(document, created_at))
        thread.document = document
        self._move(thread)

    def delete_thread(self, thread_id: str) -> list[str]:
        """Delete a thread, with its items and attachments, and return the ids of these attachments."""
        if self.threads.pop(thread_id, None) is None:
            return []
        theirs = [each for each, attachment in self.attachments.items() if attachment.thread_id == thread_id]
        for attachment_id in theirs:
            del self.attachments[attachment_id]
        return theirs

    def items_of(self, thread_id: str) -> dict[str, ItemRow]:
        """Return the items of a thread, none when it is not there."""
        thread = self.threads.get(thread_id)
        return {} if thread is None else thread.items

    def add_item(self, thread_id: str, item_id: str, item: ItemRow) -> None:
        """Append an item, or replace the one of its id in its place, unless that would undo a finished one.

        Raises:
            NotFoundError: There is no such thread.
        """
        thread = found(self.threads, "Thread", thread_id)
        present = thread.items.get(item_id)
        if present is None or item.status != "pending" or present.status not in FINISHED:
            thread.items[item_id] = item
        self._move(thread)

    def save_item(self, thread_id: str, item_id: str, item: ItemRow) -> None:
        """Replace an item in its place, or append it.

        Raises:
            NotFoundError: There is no such thread.
        """
        thread = found(self.threads, "Thread", thread_id)
        if item_id not in thread.items:
            self._move(thread)
        thread.items[item_id] = item

    def delete_item(self, thread_id: str, item_id: str) -> None:
        """Delete an item, with what the user thinks of it; one that is not there is no error."""
        if thread_id in self.threads:
            self.threads[thread_id].items.pop(item_id, None)
            self.threads[thread_id].feedback.pop(item_id, None)

    def save_feedback(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind) -> None:
        """Keep what the user thinks of items.

        Raises:
            NotFoundError: One is not there.
        """
        thread = self.threads.get(thread_id)
        if item_ids and (thread is None or not all(item_id in thread.items for item_id in item_ids)):
            raise NotFoundError(f"Thread {thread_id} has not all of the items {', '.join(item_ids)}")
        now = datetime.now(UTC)
        for item_id in item_ids:
            kept = cast("ThreadRow", thread).feedback
            kept[item_id] = replace(kept.get(item_id, Feedback(kind, now, now)), kind=kind, updated_at=now)

    def page_of_threads(self, request: PageRequest, metadata: str = "{}") -> Page[ThreadMetadata]:
        """Return one page of the threads whose metadata contains *metadata*, by time of creation, ties by id.

        Raises:
            NotFoundError: The cursor is no thread.
        """
        # Code points sort as their UTF-8 bytes do, which is PostgreSQL's collation "C".
        by_creation = sorted(self.threads, key=lambda thread_id: (self.threads[thread_id].created_at, thread_id))
        rows = [(thread_id, self.threads[thread_id].document) for thread_id in by_creation]
        wanted = [row for row in _behind_cursor(rows, request) if _has_metadata(row, metadata)]
        return page_of(wanted[: request.limit + 1], request, THREADS.decode_all)

    def page_of_threads_by_activity(self, request: PageRequest, metadata: str = "{}") -> Page[ThreadMetadata]:
        """Return one page of the threads whose metadata contains *metadata*, by last activity.

        Raises:
            NotFoundError: The cursor is none.
        """
        ordered = sorted(self.threads, key=lambda each: (self.threads[each].moved_at, each), reverse=request.descending)
        rows = [(each, self.threads[each].document, self.threads[each].moved_at) for each in ordered]
        if request.after is not None:
            place = place_of(request.after)
            edge = ((place.time - EPOCH) // MICROSECOND, place.thread_id)
            rows = [row for row in rows if ((row[2], row[0]) < edge if request.descending else (row[2], row[0]) > edge)]
        wanted = [row for row in rows if _has_metadata(row[:2], metadata)]
        return page_of(wanted[: request.limit + 1], request, THREADS.decode_all, cursor_by_activity)

    def _move(self, thread: ThreadRow) -> None:
        self.last_move = max((datetime.now(UTC) - EPOCH) // MICROSECOND, self.last_move + 1)
        thread.moved_at = self.last_move

    def page_of_items(self, thread_id: str, request: PageRequest) -> Page[ThreadItem]:
        """Return one page of a thread's items; a thread that is not there has none.

        Raises:
            NotFoundError: The cursor is no item of the thread.
        """
        rows = [(item_id, item.document) for item_id, item in self.items_of(thread_id).items()]
        return page_of(_behind_cursor(rows, request)[: request.limit + 1], request, ITEMS.decode_all)


def found(rows: Mapping[str, T], kind: str, row_id: str) -> T:
    """Return the row of that id.

    Raises:
        NotFoundError: There is none.
    """
    if row_id not in rows:
        raise NotFoundError(f"{kind} {row_id} not found")
    return rows[row_id]


def _behind_cursor(rows: list[Row], request: PageRequest) -> list[Row]:
    """Return those of *rows*, which are in ascending order, that come from the edge or behind the cursor.

    Raises:
        NotFoundError: The cursor is none of the rows.
    """
    ordered = rows[::-1] if request.descending else rows
    start = 0
    if request.after is not None:
        places = {row_id: place for place, (row_id, _) in enumerate(ordered)}
        start = found(places, "Cursor", request.after) + 1
    return ordered[start:]


def _has_metadata(row: Row, metadata: str) -> bool:
    return metadata == "{}" or contains(
        from_json(metadata_document(THREADS.decode(*row).metadata)), from_json(metadata)
    )


def contains(value: Any, wanted: Any) -> bool:
    """Whether *value* contains *wanted*, both out of JSON, as PostgreSQL's ``@>`` has it."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        theirs, fields = cast("Mapping[str, Any]", value), cast("Mapping[str, Any]", wanted)
        return all(name in theirs and contains(theirs[name], each) for name, each in fields.items())
    if isinstance(value, list) and isinstance(wanted, list):
        elements, asked = cast("Sequence[Any]", value), cast("Sequence[Any]", wanted)
        return all(any(contains(each, one) for each in elements) for one in asked)
    # To Python True is 1.
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
