"""Two histories of one user, held against each other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chatkit.types import FeedbackKind, ThreadItem, ThreadMetadata, UserMessageItem

from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS
from chatkit_pgstore.operations._history import History, document_of


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two histories differ."""

    thread_id: str
    what: str
    item_id: str | None = None
    attachment_id: str | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        of_thread = f"thread {self.thread_id!r}"
        if self.item_id is not None:
            return f"item {self.item_id!r} of {of_thread} {self.what}"
        if self.attachment_id is not None:
            return f"attachment {self.attachment_id!r}, named in {of_thread}, {self.what}"
        return f"{of_thread} {self.what}"


@dataclass(slots=True)
class Compared:
    """What the first of two histories has, and where the second differs."""

    threads: int = 0
    items: int = 0
    attachments: int = 0
    feedback: int = 0
    missing_attachments: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])


async def compared(theirs: History[Any], ours: History[Any]) -> Compared:
    """Read both, and say where ours differs: one difference at most for each thread, and one for each attachment."""
    found = Compared()
    seen: set[str] = set()
    attachment_ids: set[str] = set()
    async for thread in theirs.threads():
        seen.add(thread.id)
        items = await theirs.items(thread.id)
        found.threads += 1
        found.items += len(items)
        feedback = await theirs.feedback(thread.id, items)
        found.feedback += len(feedback)
        found.differences.extend(await _in_thread(ours, thread, items, feedback))
        for attachment_id in attachments_of(items.values()):
            if attachment_id not in attachment_ids:
                attachment_ids.add(attachment_id)
                await _compare_attachment(theirs, ours, thread.id, attachment_id, found)
    async for thread in ours.threads():
        if thread.id not in seen:
            found.differences.append(Difference(thread.id, "is only in the database"))
    return found


def attachments_of(items: Iterable[ThreadItem]) -> Iterator[str]:
    """Yield the ids of the attachments that messages name."""
    for item in items:
        if isinstance(item, UserMessageItem):
            yield from (attachment.id for attachment in item.attachments)


async def _in_thread(
    ours: History[Any], thread: ThreadMetadata, items: dict[str, ThreadItem], feedback: dict[str, FeedbackKind]
) -> list[Difference]:
    present = await ours.thread(thread.id)
    if present is None:
        return [Difference(thread.id, "is not in the database")]
    if document_of(THREADS, present) != document_of(THREADS, thread):
        return [Difference(thread.id, "is another in the database")]
    first = _first_of_items(thread.id, items, await ours.items(thread.id))
    if first is None and feedback:
        first = _first_of_feedback(thread.id, feedback, await ours.feedback(thread.id, items))
    return [] if first is None else [first]


def _first_of_items(thread_id: str, items: dict[str, ThreadItem], present: dict[str, ThreadItem]) -> Difference | None:
    if strange := next((item_id for item_id in present if item_id not in items), None):
        return Difference(thread_id, "is only in the database", item_id=strange)
    if missing := next((item_id for item_id in items if item_id not in present), None):
        return Difference(thread_id, "is not in the database", item_id=missing)
    for wanted, found in zip(items.values(), present.values(), strict=True):
        if found.id != wanted.id:
            return Difference(thread_id, "stands at another place in the database", item_id=wanted.id)
        if document_of(ITEMS, found) != document_of(ITEMS, wanted):
            return Difference(thread_id, "is another in the database", item_id=wanted.id)
    return None


def _first_of_feedback(
    thread_id: str, feedback: dict[str, FeedbackKind], present: dict[str, FeedbackKind]
) -> Difference | None:
    for item_id, kind in feedback.items():
        if present.get(item_id) != kind:
            return Difference(thread_id, "has other feedback in the database", item_id=item_id)
    return None


async def _compare_attachment(
    theirs: History[Any], ours: History[Any], thread_id: str, attachment_id: str, found: Compared
) -> None:
    wanted, present = await theirs.attachment(attachment_id), await ours.attachment(attachment_id)
    if wanted is None:
        found.missing_attachments += 1
        return
    found.attachments += 1
    if present is None:
        what = "is not in the database"
    elif document_of(ATTACHMENTS, present) != document_of(ATTACHMENTS, wanted):
        what = "is another in the database"
    else:
        return
    found.differences.append(Difference(thread_id, what, attachment_id=attachment_id))
