"""One write of a user, as it is sent to a store, kept in the journal, and sent again from there."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from chatkit.store import Store
from chatkit.types import Attachment, ThreadItem, ThreadMetadata

from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS, attachment_values, item_values, thread_values
from chatkit_pgstore._ids import check_id

WriteName: TypeAlias = Literal[
    "save_thread",
    "delete_thread",
    "add_thread_item",
    "save_item",
    "delete_thread_item",
    "save_attachment",
    "delete_attachment",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A write, checked, with every id it needs: sent twice it leaves what it leaves when sent once.

    Attributes:
        call: The store's method.
        user_id: Whose write it is.
        thread_id: The thread it is about; empty for an attachment without one.
        row_id: The id of the item or attachment; empty for a thread.
        document: What is stored; empty for a deletion.
        status: The status of an item.
        base: Of ``save_thread``, the document that this process knew before; None makes it a new thread.
    """

    call: WriteName
    user_id: str
    thread_id: str = ""
    row_id: str = ""
    document: str = ""
    status: str | None = None
    base: str | None = None

    @property
    def needs_thread(self) -> bool:
        """Whether the thread has to be there."""
        return self.thread_id != "" and self.call in ("add_thread_item", "save_item", "save_attachment")

    @property
    def touches(self) -> tuple[str, ...]:
        """What no other write may touch at the same time, in the order in which locks are taken."""
        names: list[str] = []
        if self.thread_id:
            names.append(f"thread {self.thread_id}")
        if self.call in ("save_attachment", "delete_attachment"):
            names.append(f"attachment {self.row_id}")
        return tuple(names)

    @property
    def bytes(self) -> int:
        """About what it takes up in the journal."""
        texts = (self.user_id, self.thread_id, self.row_id, self.document, self.base or "")
        return sum(len(text.encode()) for text in texts) + ROW_BYTES


ROW_BYTES = 100
"""What a row of the journal costs beside its texts, roughly."""


def saved_thread(user_id: str, thread: ThreadMetadata) -> Entry:
    """Return the entry that saves a thread."""
    values = thread_values(thread)
    return Entry(call="save_thread", user_id=user_id, thread_id=values["id"], document=values["thread"])


def written_item(
    call: Literal["add_thread_item", "save_item"], user_id: str, thread_id: str, item: ThreadItem
) -> Entry:
    """Return the entry that adds or saves an item; one with the placeholder id gets its own here, once and for all."""
    check_id(thread_id, "thread_id")
    values = item_values(item)
    return Entry(
        call=call,
        user_id=user_id,
        thread_id=thread_id,
        row_id=values["id"],
        document=values["item"],
        status=values["status"],
    )


def saved_attachment(user_id: str, attachment: Attachment) -> Entry:
    """Return the entry that saves an attachment."""
    values = attachment_values(attachment)
    return Entry(
        call="save_attachment",
        user_id=user_id,
        thread_id=values["thread_id"] or "",
        row_id=values["id"],
        document=values["attachment"],
    )


async def send(entry: Entry, store: Store[Any], context: Any) -> None:
    """Make the call that *entry* stands for."""
    match entry.call:
        case "save_thread":
            await store.save_thread(THREADS.decode(entry.thread_id, entry.document), context)
        case "delete_thread":
            await store.delete_thread(entry.thread_id, context)
        case "add_thread_item":
            await store.add_thread_item(entry.thread_id, ITEMS.decode(entry.row_id, entry.document), context)
        case "save_item":
            await store.save_item(entry.thread_id, ITEMS.decode(entry.row_id, entry.document), context)
        case "delete_thread_item":
            await store.delete_thread_item(entry.thread_id, entry.row_id, context)
        case "save_attachment":
            await store.save_attachment(ATTACHMENTS.decode(entry.row_id, entry.document), context)
        case _:
            await store.delete_attachment(entry.row_id, context)
