"""What this process knows of its users' conversations: what it wrote, and what it has read to the end."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from chatkit.store import NotFoundError
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from pydantic_core import from_json, to_json

from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS, column_time
from chatkit_pgstore._paging import PageRequest
from chatkit_pgstore._rows import AttachmentRow, ItemRow, found
from chatkit_pgstore._writing import written
from chatkit_pgstore.buffered._entry import Entry
from chatkit_pgstore.buffered._journal import Snapshot
from chatkit_pgstore.buffered._recent import Recent
from chatkit_pgstore.buffered._walks import Walks
from chatkit_pgstore.buffered._watch import Sight, Watch
from chatkit_pgstore.errors import StoreUnavailableError

LARGEST_SNAPSHOT = 4 * 1024 * 1024
"""Of a longer thread, an outage that a process does not survive leaves the metadata alone."""

LIST_OF_THREADS = "list"
ALL_ATTACHMENTS = "attachments"


def one_thread(thread_id: str) -> str:
    """Return what a call on one thread is about, beside LIST_OF_THREADS and ALL_ATTACHMENTS."""
    return f"thread {thread_id}"


def unavailable(what: str) -> NoReturn:
    """Raise the error of an outage for what is not known.

    Raises:
        StoreUnavailableError: Always.
    """
    raise StoreUnavailableError(
        f"The database is away, or has not caught up, and this process does not know {what} whole. Try again later."
    )


class Known:
    """Learns from what passes by, and answers in the database's place where it knows the whole answer.

    Documents alone are kept: no object that was handed out, or came in, is shared.

    Args:
        remember_threads: Of how many threads the items are kept; of ten times as many, the metadata.
        is_pending: Whether a user has writes in the journal, and so must not be forgotten.
    """

    def __init__(self, remember_threads: int, is_pending: Callable[[str], bool]) -> None:
        self._recent = Recent(remember_threads, is_pending)
        self._walks = Walks()
        self._watch = Watch()

    @contextmanager
    def reading(self, user_id: str, topic: str) -> Generator[Sight, None, None]:
        """Watch whether what the block reads stays as it is meanwhile."""
        with self._watch.reading((user_id, topic)) as sight:
            yield sight

    @contextmanager
    def writing(self, entry: Entry) -> Generator[None, None, None]:
        """Keep reads on their way from believing what the block changes."""
        topics: list[str] = []
        if entry.thread_id:
            topics.append(one_thread(entry.thread_id))
        if entry.call in ("save_thread", "delete_thread"):
            topics.append(LIST_OF_THREADS)
        if entry.call in ("delete_thread", "save_attachment", "delete_attachment"):
            topics.append(ALL_ATTACHMENTS)
        for topic in topics:
            self._walks.end((entry.user_id, topic))
        with self._watch.writing([(entry.user_id, topic) for topic in topics]):
            yield

    # What the database was seen to hold

    def learn_new_id(self, thread_id: str) -> None:
        """Keep in mind that a thread of this id does not exist yet."""
        self._recent.hand_out(thread_id)

    def learn_thread(self, user_id: str, thread: ThreadMetadata) -> None:
        """Keep what a thread's metadata is."""
        self._recent.keep_thread(user_id, thread.id, written("Thread", thread), column_time(thread.created_at, ""))

    def learn_no_thread(self, user_id: str, thread_id: str) -> None:
        """Keep that there is no such thread."""
        self._recent.lose_thread(user_id, thread_id)

    def learn_threads(self, user_id: str, request: PageRequest, page: Page[ThreadMetadata]) -> None:
        """Keep a page of the list; after its last page, the list."""
        known = self._recent.of(user_id)
        if known.list_is_whole and any(thread.id not in known.rows.threads for thread in page.data):
            self._recent.lose_list(user_id)
        for thread in page.data:
            self.learn_thread(user_id, thread)
        seen = self._walks.step((user_id, LIST_OF_THREADS), request, page, [(thread.id, None) for thread in page.data])
        if seen is not None:
            self._recent.keep_list(user_id, {thread_id for thread_id, _ in seen})

    def learn_items(self, user_id: str, thread_id: str, request: PageRequest, page: Page[ThreadItem]) -> None:
        """Keep a page of a thread's items; after its last page, the thread is known whole."""
        known = self._recent.of(user_id)
        if thread_id not in known.rows.threads:
            return
        rows = [(item.id, _item_row(item)) for item in page.data]
        if thread_id in known.whole and not self._recent.renew_items(user_id, thread_id, dict(rows)):
            self._recent.lose_items(user_id, thread_id)
        seen = self._walks.step((user_id, one_thread(thread_id)), request, page, rows)
        if seen is not None:
            self._recent.keep_items(user_id, thread_id, dict(seen))

    def learn_item(self, user_id: str, thread_id: str, item: ThreadItem) -> None:
        """Keep what an item of a known thread is."""
        known = self._recent.of(user_id)
        if thread_id in known.whole and not self._recent.renew_items(user_id, thread_id, {item.id: _item_row(item)}):
            self._recent.lose_items(user_id, thread_id)

    def learn_no_item(self, user_id: str, thread_id: str, item_id: str) -> None:
        """Keep that a thread has no such item."""
        if item_id in self._recent.of(user_id).rows.items_of(thread_id):
            self._recent.lose_items(user_id, thread_id)

    def learn_attachment(self, user_id: str, attachment: Attachment) -> None:
        """Keep what an attachment's metadata is."""
        row = AttachmentRow(written("Attachment", attachment), attachment.thread_id)
        self._recent.keep_attachment(user_id, attachment.id, row)

    def learn_no_attachment(self, user_id: str, attachment_id: str) -> None:
        """Keep that there is no such attachment."""
        self._recent.lose_attachment(user_id, attachment_id)

    def doubt(self, entry: Entry) -> None:
        """Forget what was known of what a write touched: whether it took effect is not known."""
        if entry.thread_id:
            self._recent.forget_thread(entry.user_id, entry.thread_id)
        if entry.call in ("save_attachment", "delete_attachment"):
            self._recent.forget_attachment(entry.user_id, entry.row_id)

    # Writes

    def prepared(self, entry: Entry) -> Entry:
        """Return *entry* as the journal needs it, with the version of the thread that it changes.

        Raises:
            NotFoundError: Its thread is not there.
            StoreUnavailableError: Nobody knows here whether it is.
        """
        known = self._recent.of(entry.user_id)
        thread = known.rows.threads.get(entry.thread_id)
        if entry.needs_thread and thread is None:
            if known.lacks_thread(entry.thread_id):
                raise NotFoundError(f"Thread {entry.thread_id} not found")
            unavailable(f"thread {entry.thread_id}")
        if entry.call == "save_thread" and thread is not None:
            return replace(entry, base=thread.document)
        return entry

    def apply(self, entry: Entry, *, is_new: bool) -> None:
        """Let a write take effect, which is durable now.

        Args:
            entry: The write.
            is_new: Whether a thread that was not known before has been made by it, and so has no items.
        """
        user_id, thread_id = entry.user_id, entry.thread_id
        rows, whole = self._recent.of(user_id).rows, self._recent.of(user_id).whole
        match entry.call:
            case "save_thread":
                self._apply_thread(entry, is_new=is_new)
            case "delete_thread":
                self._recent.lose_thread(user_id, thread_id)
            case "add_thread_item" if thread_id in whole:
                rows.add_item(thread_id, entry.row_id, ItemRow(entry.document, entry.status))
            case "save_item" if thread_id in whole:
                rows.save_item(thread_id, entry.row_id, ItemRow(entry.document, entry.status))
            case "delete_thread_item":
                rows.items_of(thread_id).pop(entry.row_id, None)
            case "save_attachment":
                self._recent.keep_attachment(user_id, entry.row_id, AttachmentRow(entry.document, thread_id or None))
            case "delete_attachment":
                self._recent.lose_attachment(user_id, entry.row_id)
            case _:
                pass  # an item of a thread whose items are not known
        self._recent.trim()

    def is_new(self, entry: Entry) -> bool:
        """Whether a thread that was saved in the database has been made by that."""
        return self._recent.is_new(entry.user_id, entry.thread_id)

    def _apply_thread(self, entry: Entry, *, is_new: bool) -> None:
        created_at = THREADS.decode(entry.thread_id, entry.document).created_at
        was_known = entry.thread_id in self._recent.of(entry.user_id).rows.threads
        self._recent.keep_thread(entry.user_id, entry.thread_id, entry.document, column_time(created_at, ""))
        if is_new and not was_known:
            self._recent.keep_items(entry.user_id, entry.thread_id, {})

    def snapshot(self, user_id: str, thread_id: str) -> Snapshot | None:
        """Return what is known of a thread; None when nothing is."""
        known = self._recent.of(user_id)
        thread = known.rows.threads.get(thread_id)
        if thread is None:
            return None
        items = None
        if thread_id in known.whole and sum(len(row.document) for row in thread.items.values()) < LARGEST_SNAPSHOT:
            items = [[item_id, row.status, row.document] for item_id, row in thread.items.items()]
        kept = {"thread": thread.document, "items": items}
        return Snapshot(user_id, thread_id, to_json(kept).decode())

    def restore(self, snapshot: Snapshot) -> None:
        """Know a thread again as it was."""
        kept = from_json(snapshot.document)
        created_at = THREADS.decode(snapshot.thread_id, kept["thread"]).created_at
        self._recent.keep_thread(snapshot.user_id, snapshot.thread_id, kept["thread"], column_time(created_at, ""))
        if kept["items"] is not None:
            items = {item_id: ItemRow(document, status) for item_id, status, document in kept["items"]}
            self._recent.keep_items(snapshot.user_id, snapshot.thread_id, items)

    # Answers

    def thread(self, user_id: str, thread_id: str) -> ThreadMetadata:
        """Return a thread's metadata; raises as `PostgresStore.load_thread`, or StoreUnavailableError."""
        known = self._recent.of(user_id)
        if thread_id not in known.whole and not known.lacks_thread(thread_id):
            unavailable(f"thread {thread_id}")
        return THREADS.decode(thread_id, found(known.rows.threads, "Thread", thread_id).document)

    def threads(self, user_id: str, request: PageRequest) -> Page[ThreadMetadata]:
        """Return a page of the list; raises as `PostgresStore.load_threads`, or StoreUnavailableError."""
        known = self._recent.of(user_id)
        if not known.list_is_whole:
            unavailable("this user's list of threads")
        return known.rows.page_of_threads(request)

    def items(self, user_id: str, thread_id: str, request: PageRequest) -> Page[ThreadItem]:
        """Return a page of a thread; raises as `PostgresStore.load_thread_items`, or StoreUnavailableError."""
        known = self._recent.of(user_id)
        if thread_id not in known.whole and not known.lacks_thread(thread_id):
            unavailable(f"thread {thread_id}")
        return known.rows.page_of_items(thread_id, request)

    def item(self, user_id: str, thread_id: str, item_id: str) -> ThreadItem:
        """Return an item; raises as `PostgresStore.load_item`, or StoreUnavailableError."""
        known = self._recent.of(user_id)
        if thread_id not in known.whole and not known.lacks_thread(thread_id):
            unavailable(f"thread {thread_id}")
        return ITEMS.decode(item_id, found(known.rows.items_of(thread_id), "Item", item_id).document)

    def attachment(self, user_id: str, attachment_id: str) -> Attachment:
        """Return an attachment; raises as `PostgresStore.load_attachment`, or StoreUnavailableError."""
        known = self._recent.of(user_id)
        if attachment_id not in known.rows.attachments and attachment_id not in known.no_attachments:
            unavailable(f"attachment {attachment_id}")
        row = found(known.rows.attachments, "Attachment", attachment_id)
        return ATTACHMENTS.decode(attachment_id, row.document)


def _item_row(item: ThreadItem) -> ItemRow:
    return ItemRow(written("Item", item), vars(item).get("status"))
