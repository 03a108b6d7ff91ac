"""Every call a store takes, for tests that try them all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from chatkit_pgstore.testing.contract._base import AnyStore
from chatkit_pgstore.testing.contract._samples import NOW, attachment_sample, message, new_id, thread_sample

LATER = NOW + timedelta(days=1)


@dataclass(frozen=True)
class Ids:
    """The ids a call is tried with.

    Attributes:
        own_thread: A thread of the user who calls, while the others are whoever's.
    """

    thread: str
    item: str
    attachment: str
    own_thread: str


Call: TypeAlias = Callable[[AnyStore, Ids, Any], Awaitable[object]]

READS: dict[str, Call] = {
    "load_thread": lambda store, ids, context: store.load_thread(ids.thread, context),
    "load_threads": lambda store, _, context: store.load_threads(20, None, "asc", context),
    "load_threads behind it": lambda store, ids, context: store.load_threads(20, ids.thread, "asc", context),
    "load_threads before it": lambda store, ids, context: store.load_threads(20, ids.thread, "desc", context),
    "load_thread_items": lambda store, ids, context: store.load_thread_items(ids.thread, None, 20, "asc", context),
    "load_thread_items behind one": lambda store, ids, context: store.load_thread_items(
        ids.thread, ids.item, 20, "asc", context
    ),
    "load_thread_items before one": lambda store, ids, context: store.load_thread_items(
        ids.thread, ids.item, 20, "desc", context
    ),
    "load_thread_items of the own thread behind one": lambda store, ids, context: store.load_thread_items(
        ids.own_thread, ids.item, 20, "asc", context
    ),
    "load_item": lambda store, ids, context: store.load_item(ids.thread, ids.item, context),
    "load_item of the own thread": lambda store, ids, context: store.load_item(ids.own_thread, ids.item, context),
    "load_attachment": lambda store, ids, context: store.load_attachment(ids.attachment, context),
}

WRITES: dict[str, Call] = {
    "save_thread": lambda store, ids, context: store.save_thread(
        thread_sample(id=ids.thread, title="taken", created_at=LATER), context
    ),
    "delete_thread": lambda store, ids, context: store.delete_thread(ids.thread, context),
    "add_thread_item": lambda store, ids, context: store.add_thread_item(ids.thread, message(ids.thread), context),
    "add_thread_item over one": lambda store, ids, context: store.add_thread_item(
        ids.thread, message(ids.thread, "taken", id=ids.item), context
    ),
    "add_thread_item to the own thread": lambda store, ids, context: store.add_thread_item(
        ids.own_thread, message(ids.thread, "taken", id=ids.item), context
    ),
    "save_item": lambda store, ids, context: store.save_item(ids.thread, message(ids.thread), context),
    "save_item over one": lambda store, ids, context: store.save_item(
        ids.thread, message(ids.thread, "taken", id=ids.item), context
    ),
    "save_item in the own thread": lambda store, ids, context: store.save_item(
        ids.own_thread, message(ids.thread, "taken", id=ids.item), context
    ),
    "delete_thread_item": lambda store, ids, context: store.delete_thread_item(ids.thread, ids.item, context),
    "delete_thread_item of the own thread": lambda store, ids, context: store.delete_thread_item(
        ids.own_thread, ids.item, context
    ),
    "save_attachment": lambda store, ids, context: store.save_attachment(
        attachment_sample(id=ids.attachment, name="taken"), context
    ),
    "save_attachment of the thread": lambda store, ids, context: store.save_attachment(
        attachment_sample(id=new_id("atc"), thread_id=ids.thread), context
    ),
    "save_attachment over one": lambda store, ids, context: store.save_attachment(
        attachment_sample(id=ids.attachment, thread_id=ids.thread), context
    ),
    "save_attachment of the own thread": lambda store, ids, context: store.save_attachment(
        attachment_sample(id=ids.attachment, thread_id=ids.own_thread), context
    ),
    "delete_attachment": lambda store, ids, context: store.delete_attachment(ids.attachment, context),
}

CALLS: dict[str, Call] = {**READS, **WRITES}
