"""A user's history out of any other `Store`, through its public methods alone."""

import inspect
from collections.abc import Callable, Container
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import FeedbackKind, ThreadItem, ThreadMetadata

from chatkit_pgstore._calls import Calls
from chatkit_pgstore._codec import ATTACHMENTS, ITEMS, THREADS
from chatkit_pgstore._ids import check_id
from chatkit_pgstore.errors import SourceStoreError, StoreError
from chatkit_pgstore.operations._differences import Compared, Difference, attachments_of, compared
from chatkit_pgstore.operations._history import History, document_of
from chatkit_pgstore.store import PostgresStore

ContextOf = Callable[[str], Any]
"""From a user's id to the request context that the other store takes; it may be asynchronous."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What the other store has, what had to be written, and where the two still differ."""

    threads: int
    items: int
    attachments: int
    feedback: int
    """Items that the user has rated, where the other store is one that keeps feedback."""
    written: int
    """Rows that were missing or had changed; those that stood at another place too."""
    missing_attachments: int
    """Attachments that messages name and the other store does not have; the messages still describe them."""
    differences: tuple[Difference, ...]
    """Empty: both sides are equal. Else the first of each thread."""


async def copy_user(
    source: Store[Any],
    store: PostgresStore[Any],
    user_id: str,
    *,
    context: ContextOf | None = None,
    progress: Callable[[int], None] | None = None,
) -> Copied:
    """Copy what a user has in *source*, then read both sides again and hold them against each other.

    It may be broken off and called again: what is equal is not written again, what has changed is, and nothing is ever
    deleted that *source* does not have. Threads keep the time they are listed by and items their order; the time of
    last activity is that of the copy, for a `Store` cannot tell it. Attachments are those that the user's messages
    name, for a `Store` cannot list them. Feedback is copied where *source* keeps it as a `PostgresStore` does, with
    the times of the copy. One thread at a time is in memory.

    Args:
        source: Anything that implements ChatKit's ``Store``. It is read, one call at a time, and not closed.
        user_id: Whose history.
        context: Makes the request context that *source* takes; without it ``{"user_id": user_id}``.
        progress: Called with the number of threads copied so far.

    Returns:
        What was found and written. ``differences`` are empty when both sides are equal; a user who writes meanwhile
        makes some, so call it again once nobody does.

    Raises:
        SourceStoreError: *source* failed, or its pages do not end. What was copied so far stays.
        UnstorableItemError: JSON cannot hold what *source* returned.
        UnknownUserError: The user is not in the host's table of users.
        StoreUnavailableError: The database did not answer. What was copied so far stays.
    """
    check_id(user_id, "user_id")
    theirs = History(source, await _context(context, user_id))
    ours = History(_for_user(store, user_id), None)
    threads = written = 0
    async for thread in theirs.threads():
        try:
            written += await _copy_thread(theirs, ours, thread)
        except StoreError:
            raise
        except ValueError as error:
            raise SourceStoreError(f"Thread {thread.id!r} cannot be copied: {error}") from error
        threads += 1
        if progress is not None:
            progress(threads)
    return _copied(await compared(theirs, ours), written)


def _copied(found: Compared, written: int) -> Copied:
    return Copied(
        threads=found.threads,
        items=found.items,
        attachments=found.attachments,
        feedback=found.feedback,
        written=written,
        missing_attachments=found.missing_attachments,
        differences=tuple(found.differences),
    )


async def _context(context: ContextOf | None, user_id: str) -> Any:
    if context is None:
        return {"user_id": user_id}
    made = context(user_id)
    return await made if inspect.isawaitable(made) else made


def _for_user(store: PostgresStore[Any], user_id: str) -> PostgresStore[Any]:
    """Return *store* as it is for one user, whatever the host's request contexts are like."""

    def this_one(_: Any) -> str:
        return user_id

    settings = replace(store._settings, user_id=this_one)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it is one of us
    for_user = copy(store)
    for_user._calls = Calls(store._database, settings)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it is one of us
    return for_user


async def _copy_thread(theirs: History[Store[Any]], ours: History[PostgresStore[Any]], thread: ThreadMetadata) -> int:
    """Make our thread theirs; return how many rows that took."""
    written = 0
    present = await ours.thread(thread.id)
    if present is None or document_of(THREADS, present) != document_of(THREADS, thread):
        await ours.store.save_thread(thread, ours.context)
        written += 1
    items = await theirs.items(thread.id)
    written += await _copy_items(ours, thread.id, items)
    for attachment_id in attachments_of(items.values()):
        written += await _copy_attachment(theirs, ours, attachment_id)
    return written + await _copy_feedback(theirs, ours, thread.id, items)


async def _copy_items(ours: History[PostgresStore[Any]], thread_id: str, items: dict[str, ThreadItem]) -> int:
    present = await _cleared(ours, thread_id, items)
    written = 0
    for item in items.values():
        before = present.get(item.id)
        if before is None:
            await ours.store.add_thread_item(thread_id, item, ours.context)
        elif document_of(ITEMS, before) != document_of(ITEMS, item):
            await ours.store.save_item(thread_id, item, ours.context)
        else:
            continue
        written += 1
    return written


async def _cleared(
    ours: History[PostgresStore[Any]], thread_id: str, items: dict[str, ThreadItem]
) -> dict[str, ThreadItem]:
    """Return our items, without those that have to be added anew because others come before them now.

    Stores that list by time put an item that is written late among those that were there. Ours are deleted only if
    theirs are all of them: what was written on our side alone is left for the comparison to name.
    """
    present = await ours.items(thread_id)
    ids, wanted = list(present), list(items)
    if ids == wanted[: len(ids)] or not set(ids) <= set(wanted):
        return present
    kept = next(place for place, item_id in enumerate(ids) if item_id != wanted[place])
    for item_id in ids[kept:]:
        await ours.store.delete_thread_item(thread_id, item_id, ours.context)
    return {item_id: present[item_id] for item_id in ids[:kept]}


async def _copy_feedback(
    theirs: History[Store[Any]], ours: History[PostgresStore[Any]], thread_id: str, items: Container[str]
) -> int:
    wanted = await theirs.feedback(thread_id, items)
    present = await ours.feedback(thread_id, items) if wanted else {}
    missing: dict[str, FeedbackKind] = {
        item_id: kind for item_id, kind in wanted.items() if present.get(item_id) != kind
    }
    for kind in set(missing.values()):
        item_ids = [item_id for item_id, each in missing.items() if each == kind]
        await ours.store.save_feedback(thread_id, item_ids, kind, ours.context)
    return len(missing)


async def _copy_attachment(theirs: History[Store[Any]], ours: History[PostgresStore[Any]], attachment_id: str) -> int:
    attachment = await theirs.attachment(attachment_id)
    if attachment is None:
        return 0
    present = await ours.attachment(attachment_id)
    if present is not None and document_of(ATTACHMENTS, present) == document_of(ATTACHMENTS, attachment):
        return 0
    try:
        await ours.store.save_attachment(attachment, ours.context)
    except NotFoundError:
        # Its thread may come later; if it never does, the comparison names the attachment.
        return 0
    return 1
