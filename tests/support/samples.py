"""Users, and threads, items and attachments to try a store with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    ClientToolCallItem,
    FileAttachment,
    ThreadItem,
    ThreadMetadata,
)

ALICE = {"user_id": "alice"}
BOB = {"user_id": "bob"}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def thread(thread_id: str = "thr_1", title: str | None = None, *, age_seconds: float = 0.0) -> ThreadMetadata:
    return ThreadMetadata(id=thread_id, title=title, created_at=MOMENT - timedelta(seconds=age_seconds))


def message(item_id: str, text: str = "Hello", thread_id: str = "thr_1") -> ThreadItem:
    content = [AssistantMessageContent(text=text)]
    return AssistantMessageItem(id=item_id, thread_id=thread_id, created_at=MOMENT, content=content)


def tool_call(item_id: str, *, completed: bool, thread_id: str = "thr_1") -> ThreadItem:
    return ClientToolCallItem(
        id=item_id,
        thread_id=thread_id,
        created_at=MOMENT,
        status="completed" if completed else "pending",
        call_id="call_1",
        name="open_page",
        arguments={"page": 7},
        output={"opened": True} if completed else None,
    )


def attachment(attachment_id: str, thread_id: str | None = None, name: str = "notes.txt") -> Attachment:
    return FileAttachment(id=attachment_id, thread_id=thread_id, name=name, mime_type="text/plain")


async def items_of(store: Any, thread_id: str = "thr_1", context: Any = ALICE) -> list[ThreadItem]:
    """Return all items of a thread, oldest first, through as many pages as it takes."""
    items: list[ThreadItem] = []
    after = None
    while True:
        page = await store.load_thread_items(thread_id, after, 100, "asc", context)
        items += page.data
        if not page.has_more:
            return items
        assert page.after not in (None, after), "the next page would be one that was seen"
        after = page.after


async def ids_of(store: Any, thread_id: str = "thr_1", context: Any = ALICE) -> list[str]:
    return [item.id for item in await items_of(store, thread_id, context)]
