"""The statements of what the store does beyond ChatKit's ``Store``, as those of `_statements` are."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql import ClauseElement

from chatkit_pgstore._clauses import (
    USER,
    jsonb_parameter,
    page,
    page_from_place,
    replacing,
    text_parameter,
)
from chatkit_pgstore._tables import feedback, thread_items, threads

# Of an E'' string, so that no setting of the session has a say in what its backslashes mean.
NUL: ColumnElement[str] = literal_column(r"E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000'")
"""A NUL in the text of a document; see `_codec.NUL`."""
REPLACEMENT: ColumnElement[str] = literal_column(r"E'\\1\\\\ufffd'")


# Threads


def page_of_threads_by_activity(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` threads by last activity, ties by id; see `page_from_place`."""
    mine = threads.c.user_id == USER
    return page_from_place(
        threads.c.thread, threads.c.updated_at, mine, descending=descending, after_cursor=after_cursor
    )


def page_of_threads_where(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` threads whose metadata contains ``metadata``, by time of creation, ties by id; see `page`."""
    order = (threads.c.created_at, threads.c.id)
    mine, matching = threads.c.user_id == USER, _has_the_metadata()
    return page(threads.c.thread, order, mine, descending=descending, after_cursor=after_cursor, matching=matching)


def page_of_threads_by_activity_where(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` threads whose metadata contains ``metadata``, by last activity, ties by id."""
    mine, matching = threads.c.user_id == USER, _has_the_metadata()
    return page_from_place(
        threads.c.thread,
        threads.c.updated_at,
        mine,
        descending=descending,
        after_cursor=after_cursor,
        matching=matching,
    )


def _has_the_metadata() -> ColumnElement[bool]:
    """Whether a thread's metadata contains ``metadata``.

    A thread that was last saved by a release without the column is looked into; jsonb, which its document becomes
    for that, cannot hold a NUL.
    """
    text = func.regexp_replace(cast(threads.c.thread, Text), NUL, REPLACEMENT, literal_column("'g'"))
    in_document: ColumnElement[Any] = cast(text, JSONB).op("->")(literal_column("'metadata'"))
    nothing = cast(literal_column("'{}'"), JSONB)
    return func.coalesce(threads.c.metadata, in_document, nothing).bool_op("@>")(jsonb_parameter("metadata"))


# Items


def count_items() -> ClauseElement:
    """How many items each of ``thread_ids`` has.

    Counted one by one, so that each is a walk along an index, however much of the table one of them is.
    """
    thread_id = func.unnest(_texts("thread_ids")).column_valued("asked")
    mine = (thread_items.c.user_id == USER, thread_items.c.thread_id == thread_id)
    count = select(func.count()).select_from(thread_items).where(*mine).scalar_subquery()
    return select(thread_id, count)


# Feedback


def save_feedback() -> ClauseElement:
    """Writes or replaces what the user thinks of each of ``item_ids``; no row when the thread lacks one of them.

    Each item is looked up by itself, and so by its key: as a set, PostgreSQL would take the thread for a short one and
    walk it. FOR KEY SHARE keeps them from being deleted before the commit, the thread first, as whoever deletes it
    locks it first.
    """
    thread = (
        select(threads.c.user_id, threads.c.id)
        .where(threads.c.user_id == USER, threads.c.id == text_parameter("thread_id"))
        .with_for_update(read=True, key_share=True)
        .cte("thread")
    )
    asked = func.unnest(_texts("item_ids")).table_valued("id").render_derived(name="asked")
    found = (
        select(thread_items.c.user_id, thread_items.c.thread_id, thread_items.c.id)
        .where(
            thread_items.c.user_id == USER,
            thread_items.c.thread_id == thread.c.id,
            thread_items.c.id == asked.c.id,
        )
        .limit(literal_column("1"))
        .with_for_update(read=True, key_share=True)
        .lateral("found")
    )
    item = select(found).select_from(thread.join(asked, true()).join(found, true())).cte("item")
    values: dict[str, Any] = {
        "user_id": item.c.user_id,
        "thread_id": item.c.thread_id,
        "item_id": item.c.id,
        "kind": text_parameter("kind"),
        "created_at": func.now(),
        "updated_at": func.now(),
    }
    count = select(func.count()).select_from(item).scalar_subquery()
    of_all = select(*values.values()).select_from(item).where(count == func.cardinality(_texts("item_ids")))
    rows = insert(feedback).from_select(list(values), of_all)
    return replacing(rows, feedback, "kind").returning(feedback.c.item_id)


def load_feedback() -> ClauseElement:
    """What the user thinks of the items of a thread."""
    mine = and_(feedback.c.user_id == USER, feedback.c.thread_id == text_parameter("thread_id"))
    opinion = select(feedback.c.item_id, feedback.c.kind, feedback.c.created_at, feedback.c.updated_at)
    return opinion.where(mine)


def _texts(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=ARRAY(Text()))
