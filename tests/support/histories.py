"""A user's history with everything in it that the SDK has: for what moves histories, and compares them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from chatkit.types import Attachment, ThreadItem, UserMessageItem

from chatkit_pgstore.testing.contract import _samples
from tests.support.samples import ALICE, MOMENT, items_of, thread

NUL = "a \0 and a line\nbreak, \u2028, \N{GRINNING FACE}"


def items(thread_id: str) -> Iterator[ThreadItem]:
    """Yield an item of every type there is, with ids that are the same in each thread, oldest first."""
    made = [_samples.item_sample(name, thread_id) for name in _samples.ITEMS]
    made += [_samples.template_widget(thread_id), _samples.message(thread_id, NUL)]
    made.append(_samples.hidden_context(thread_id, {"numbers": [2**80, -0.0, 5e-324, 1.5]}))
    for number, item in enumerate(made):
        if isinstance(item, UserMessageItem):
            item = with_attachments_of(item, thread_id)  # noqa: PLW2901  # it is the same item
        times = {"id": f"msg_{number:03}", "created_at": MOMENT + timedelta(seconds=number)}
        yield item.model_copy(update=times)


def with_attachments_of(message: UserMessageItem, thread_id: str) -> UserMessageItem:
    """Return *message* with attachments that no other thread has."""
    own = {"thread_id": thread_id}
    theirs = [each.model_copy(update={**own, "id": f"{each.id}_{thread_id}"}) for each in message.attachments]
    return message.model_copy(update={"attachments": theirs})


def attachments(thread_id: str) -> Iterator[Attachment]:
    """Yield the attachments that a thread's messages name."""
    for item in items(thread_id):
        if isinstance(item, UserMessageItem):
            yield from item.attachments


async def write_history(store: Any, context: Any = ALICE, *, threads: int = 1) -> None:
    """Write threads ``thr_00000`` and on, the last the oldest, each with an item of every type."""
    for number in range(threads):
        thread_id = f"thr_{number:05}"
        await store.save_thread(thread(thread_id, f"Thread {number}", age_seconds=number), context)
        for item in items(thread_id):
            await store.add_thread_item(thread_id, item, context)
        for attachment in attachments(thread_id):
            await store.save_attachment(attachment, context)


async def history(store: Any, context: Any = ALICE) -> dict[str, Any]:
    """Return all that a store of up to a hundred threads gives to the page, as data."""
    found: dict[str, Any] = {}
    for each in (await store.load_threads(100, None, "desc", context)).data:
        its_items = await items_of(store, each.id, context)
        named = [a.id for item in its_items if isinstance(item, UserMessageItem) for a in item.attachments]
        its_attachments = [await store.load_attachment(attachment_id, context) for attachment_id in named]
        found[each.id] = [row.model_dump(mode="json") for row in (each, *its_items, *its_attachments)]
    return found
