"""Every SQL statement of ChatKit's ``Store``, one pure function each; those beyond it are in `_beyond_statements`.

A call of the store is one of these: one round trip, atomic by itself, committed by itself. What each looks like
in SQL is kept in ``tests/golden``. Every level of every statement binds the user.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    and_,
    cast,
    delete,
    false,
    func,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql import ClauseElement

from chatkit_pgstore._clauses import (
    USER,
    as_text,
    document_parameter,
    jsonb_parameter,
    page,
    replacing,
    text_parameter,
    time_parameter,
)
from chatkit_pgstore._codec import FINISHED
from chatkit_pgstore._tables import attachments, feedback, thread_items, threads

# Threads


def load_thread() -> ClauseElement:
    """The document of one thread, or no row."""
    return select(as_text(threads.c.thread)).where(threads.c.user_id == USER, threads.c.id == text_parameter("id"))


def save_thread() -> ClauseElement:
    """Inserts a thread or replaces its document; created_at stays, for it orders the list."""
    values: dict[str, Any] = {
        "user_id": USER,
        "id": text_parameter("id"),
        "thread": document_parameter("thread"),
        "metadata": jsonb_parameter("metadata"),
        "last_sort_key": literal_column("0"),
        "created_at": time_parameter("created_at"),
        "updated_at": func.now(),
    }
    return replacing(insert(threads).values(values).inline(), threads, "thread", "metadata")


def replace_thread() -> ClauseElement:
    """Replaces a thread's document where it is still the ``expected`` one, letter by letter; else no row."""
    as_it_was = cast(threads.c.thread, Text) == text_parameter("expected")
    return (
        update(threads)
        .where(threads.c.user_id == USER, threads.c.id == text_parameter("id"), as_it_was)
        .values(thread=document_parameter("thread"), metadata=jsonb_parameter("metadata"), updated_at=func.now())
        .returning(threads.c.id)
    )


def delete_thread() -> ClauseElement:
    """Deletes a thread; its items and attachments go with it by their foreign keys."""
    return delete(threads).where(threads.c.user_id == USER, threads.c.id == text_parameter("id"))


def page_of_threads(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` threads by time of creation, ties by id; see `_clauses.page`."""
    order = (threads.c.created_at, threads.c.id)
    mine = threads.c.user_id == USER
    return page(threads.c.thread, order, mine, descending=descending, after_cursor=after_cursor)


# Items


def load_item() -> ClauseElement:
    """The document of one item, or no row."""
    return select(as_text(thread_items.c.item)).where(_this_item())


def delete_item() -> ClauseElement:
    """Deletes one item, with what the user thinks of it. Its sort key is not handed out again."""
    opinion = delete(feedback).where(
        feedback.c.user_id == USER,
        feedback.c.thread_id == text_parameter("thread_id"),
        feedback.c.item_id == text_parameter("id"),
    )
    return delete(thread_items).where(_this_item()).add_cte(opinion.cte("opinion"))


def page_of_items(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` items of a thread in the order in which they were added; see `_clauses.page`."""
    mine = and_(thread_items.c.user_id == USER, thread_items.c.thread_id == text_parameter("thread_id"))
    order = (thread_items.c.sort_key,)
    return page(thread_items.c.item, order, mine, descending=descending, after_cursor=after_cursor)


def append_item() -> ClauseElement:
    """Appends an item, or replaces the one of that id in its place; no row when there is no such thread.

    Updating the thread's row hands out the sort key, and its lock is held until the commit, so that keys are in
    the order of commits. A document still pending does not replace a finished one.
    """
    thread = _next_sort_key(threads.c.user_id == USER, threads.c.id == text_parameter("thread_id"))
    rows = _appended(thread)
    stale = and_(
        rows.excluded.status == literal_column("'pending'"),
        thread_items.c.status.in_([literal_column(f"'{status}'") for status in FINISHED]),
    )
    item = replacing(rows, thread_items, *_ITEM_DOCUMENT, unless=func.coalesce(stale, false()))
    return select(thread.c.last_sort_key).add_cte(item.cte("item"))


def replace_item() -> ClauseElement:
    """Replaces an item in its place, or appends it; no row when there is no such thread.

    The thread's row is locked only to append. An item that another transaction inserts between the two steps
    is found by the conflict.
    """
    replaced = (
        update(thread_items)
        .where(_this_item())
        .values({**_item_document(), "updated_at": func.now()})
        .returning(thread_items.c.sort_key)
        .cte("replaced")
    )
    thread = _next_sort_key(
        threads.c.user_id == USER,
        threads.c.id == text_parameter("thread_id"),
        not_(select(replaced.c.sort_key).exists()),
    )
    appended = replacing(_appended(thread), thread_items, *_ITEM_DOCUMENT).cte("appended")
    found = select(replaced.c.sort_key).union_all(select(thread.c.last_sort_key))
    return found.add_cte(appended)


_ITEM_DOCUMENT = ("type", "status", "item")


def _item_document() -> dict[str, ColumnElement[Any]]:
    return {"type": text_parameter("type"), "status": text_parameter("status"), "item": document_parameter("item")}


def _this_item() -> ColumnElement[bool]:
    return and_(
        thread_items.c.user_id == USER,
        thread_items.c.thread_id == text_parameter("thread_id"),
        thread_items.c.id == text_parameter("id"),
    )


def _next_sort_key(*where: ColumnElement[bool]) -> CTE:
    return (
        update(threads)
        .where(*where)
        .values(last_sort_key=threads.c.last_sort_key + literal_column("1"), updated_at=func.now())
        .returning(threads.c.user_id, threads.c.id, threads.c.last_sort_key)
        .cte("thread")
    )


def _appended(thread: CTE) -> Insert:
    values = {
        "user_id": thread.c.user_id,
        "thread_id": thread.c.id,
        "id": text_parameter("id"),
        "sort_key": thread.c.last_sort_key,
        **_item_document(),
        "created_at": time_parameter("created_at"),
        "updated_at": func.now(),
    }
    return insert(thread_items).from_select(list(values), select(*values.values()).select_from(thread))


# Attachments


def load_attachment() -> ClauseElement:
    """The document of one attachment, or no row."""
    document = as_text(attachments.c.attachment)
    return select(document).where(attachments.c.user_id == USER, attachments.c.id == text_parameter("id"))


def save_attachment() -> ClauseElement:
    """Inserts or replaces an attachment that belongs to no thread yet."""
    rows = insert(attachments).values(_attachment_values(USER)).inline()
    return replacing(rows, attachments, "thread_id", "attachment")


def save_thread_attachment() -> ClauseElement:
    """Inserts or replaces an attachment of a thread; no row when there is no such thread.

    FOR KEY SHARE keeps the thread from being deleted before the commit, so that the foreign key cannot fail.
    """
    thread = (
        select(threads.c.user_id, threads.c.id)
        .where(threads.c.user_id == USER, threads.c.id == text_parameter("thread_id"))
        .with_for_update(read=True, key_share=True)
        .cte("thread")
    )
    values = {**_attachment_values(thread.c.user_id), "thread_id": thread.c.id}
    rows = insert(attachments).from_select(list(values), select(*values.values()).select_from(thread))
    return replacing(rows, attachments, "thread_id", "attachment").returning(attachments.c.id)


def delete_attachment() -> ClauseElement:
    """Deletes one attachment."""
    return delete(attachments).where(attachments.c.user_id == USER, attachments.c.id == text_parameter("id"))


def _attachment_values(user: ColumnElement[str]) -> dict[str, Any]:
    return {
        "user_id": user,
        "id": text_parameter("id"),
        "attachment": document_parameter("attachment"),
        "created_at": func.now(),
        "updated_at": func.now(),
    }
