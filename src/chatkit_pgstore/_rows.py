"""One user's threads, items and attachments in memory, with the meaning that the statements give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from chatkit.store import NotFoundError
from chatkit.types import Page, ThreadItem, ThreadMetadata

from chatkit_pgstore._codec import FINISHED, ITEMS, THREADS
from chatkit_pgstore._paging import PageRequest, Row, page_of

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

    def save_thread(self, thread_id: str, document: str, created_at: datetime) -> None:
        """Insert a thread or replace its document; the time of its first save stays."""
        self.threads.setdefault(thread_id, ThreadRow(document, created_at)).document = document

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
        items = found(self.threads, "Thread", thread_id).items
        present = items.get(item_id)
        if present is None or item.status != "pending" or present.status not in FINISHED:
            items[item_id] = item

    def save_item(self, thread_id: str, item_id: str, item: ItemRow) -> None:
        """Replace an item in its place, or append it.

        Raises:
            NotFoundError: There is no such thread.
        """
        found(self.threads, "Thread", thread_id).items[item_id] = item

    def page_of_threads(self, request: PageRequest) -> Page[ThreadMetadata]:
        """Return one page of the threads by time of creation, ties by id.

        Raises:
            NotFoundError: The cursor is no thread.
        """
        # Code points sort as their UTF-8 bytes do, which is PostgreSQL's collation "C".
        by_creation = sorted(self.threads, key=lambda thread_id: (self.threads[thread_id].created_at, thread_id))
        rows = [(thread_id, self.threads[thread_id].document) for thread_id in by_creation]
        return page_of(_behind_cursor(rows, request), request, THREADS.decode)

    def page_of_items(self, thread_id: str, request: PageRequest) -> Page[ThreadItem]:
        """Return one page of a thread's items; a thread that is not there has none.

        Raises:
            NotFoundError: The cursor is no item of the thread.
        """
        rows = [(item_id, item.document) for item_id, item in self.items_of(thread_id).items()]
        return page_of(_behind_cursor(rows, request), request, ITEMS.decode)


def found(rows: Mapping[str, T], kind: str, row_id: str) -> T:
    """Return the row of that id.

    Raises:
        NotFoundError: There is none.
    """
    if row_id not in rows:
        raise NotFoundError(f"{kind} {row_id} not found")
    return rows[row_id]


def _behind_cursor(rows: Sequence[Row], request: PageRequest) -> Sequence[Row]:
    """Return up to ``limit + 1`` of *rows*, which are in ascending order, from the edge or behind the cursor.

    Raises:
        NotFoundError: The cursor is none of the rows.
    """
    ordered = rows[::-1] if request.descending else rows
    start = 0
    if request.after is not None:
        places = {row_id: place for place, (row_id, _) in enumerate(ordered)}
        start = found(places, "Cursor", request.after) + 1
    return ordered[start : start + request.limit + 1]
