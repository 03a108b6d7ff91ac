"""Every SQL statement of the store, one pure function each.

A call of the store is one of these: one round trip, atomic by itself, committed by itself. What each looks like
in SQL is kept in ``tests/golden``. Every level of every statement binds the user.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    false,
    func,
    literal_column,
    not_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from chatkit_pgstore._codec import FINISHED
from chatkit_pgstore._layout import USER_TYPES, UserType
from chatkit_pgstore._tables import attachments, thread_items, threads

USER_TYPE = "chatkit_user_type"
"""The attribute of a dialect that says what type the tables have for ``user_id``."""


def _text(name: str) -> BindParameter[str]:
    return bindparam(name, type_=Text())


def _document(name: str) -> ColumnElement[Any]:
    """A document travels as text, so that no json codec of a host's engine has a say in it."""
    return cast(_text(name), JSON)


def _as_text(document: Column[Any]) -> ColumnElement[str]:
    return cast(document, Text).label(document.name)


def _time(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=DateTime(timezone=True))


class UserParameter(ColumnElement[str]):
    """The user's id: always sent as text, and cast to the type that the tables have for it."""

    inherit_cache = True
    type = Text()
    parameter = _text("user_id")


@compiles(UserParameter)
def _user_in_its_type(element: UserParameter, compiler: SQLCompiler, **options: Any) -> str:
    user_type: UserType = getattr(compiler.dialect, USER_TYPE, "text")
    parameter = element.parameter if user_type == "text" else cast(element.parameter, USER_TYPES[user_type])
    return compiler.process(parameter, **options)


USER = UserParameter()
LIMIT = bindparam("limit", type_=BigInteger())


# Threads


def load_thread() -> ClauseElement:
    """The document of one thread, or no row."""
    return select(_as_text(threads.c.thread)).where(threads.c.user_id == USER, threads.c.id == _text("id"))


def save_thread() -> ClauseElement:
    """Inserts a thread or replaces its document; created_at stays, for it orders the list."""
    values: dict[str, Any] = {
        "user_id": USER,
        "id": _text("id"),
        "thread": _document("thread"),
        "last_sort_key": literal_column("0"),
        "created_at": _time("created_at"),
        "updated_at": func.now(),
    }
    return _replacing(insert(threads).values(values).inline(), threads, "thread")


def replace_thread() -> ClauseElement:
    """Replaces a thread's document where it is still the ``expected`` one, letter by letter; else no row."""
    as_it_was = cast(threads.c.thread, Text) == _text("expected")
    return (
        update(threads)
        .where(threads.c.user_id == USER, threads.c.id == _text("id"), as_it_was)
        .values(thread=_document("thread"), updated_at=func.now())
        .returning(threads.c.id)
    )


def delete_thread() -> ClauseElement:
    """Deletes a thread; its items and attachments go with it by their foreign keys."""
    return delete(threads).where(threads.c.user_id == USER, threads.c.id == _text("id"))


def page_of_threads(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` threads by time of creation, ties by id; see `_page`."""
    order = (threads.c.created_at, threads.c.id)
    mine = threads.c.user_id == USER
    return _page(threads.c.thread, order, mine, descending=descending, after_cursor=after_cursor)


# Items


def load_item() -> ClauseElement:
    """The document of one item, or no row."""
    return select(_as_text(thread_items.c.item)).where(_this_item())


def delete_item() -> ClauseElement:
    """Deletes one item. Its sort key is not handed out again."""
    return delete(thread_items).where(_this_item())


def page_of_items(*, descending: bool, after_cursor: bool) -> ClauseElement:
    """Up to ``limit`` items of a thread in the order in which they were added; see `_page`."""
    mine = and_(thread_items.c.user_id == USER, thread_items.c.thread_id == _text("thread_id"))
    order = (thread_items.c.sort_key,)
    return _page(thread_items.c.item, order, mine, descending=descending, after_cursor=after_cursor)


def append_item() -> ClauseElement:
    """Appends an item, or replaces the one of that id in its place; no row when there is no such thread.

    Updating the thread's row hands out the sort key, and its lock is held until the commit, so that keys are in
    the order of commits. A document still pending does not replace a finished one.
    """
    thread = _next_sort_key(threads.c.user_id == USER, threads.c.id == _text("thread_id"))
    rows = _appended(thread)
    stale = and_(
        rows.excluded.status == literal_column("'pending'"),
        thread_items.c.status.in_([literal_column(f"'{status}'") for status in FINISHED]),
    )
    item = _replacing(rows, thread_items, *_ITEM_DOCUMENT, unless=func.coalesce(stale, false()))
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
        threads.c.id == _text("thread_id"),
        not_(select(replaced.c.sort_key).exists()),
    )
    appended = _replacing(_appended(thread), thread_items, *_ITEM_DOCUMENT).cte("appended")
    found = select(replaced.c.sort_key).union_all(select(thread.c.last_sort_key))
    return found.add_cte(appended)


_ITEM_DOCUMENT = ("type", "status", "item")


def _item_document() -> dict[str, ColumnElement[Any]]:
    return {"type": _text("type"), "status": _text("status"), "item": _document("item")}


def _this_item() -> ColumnElement[bool]:
    return and_(
        thread_items.c.user_id == USER,
        thread_items.c.thread_id == _text("thread_id"),
        thread_items.c.id == _text("id"),
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
        "id": _text("id"),
        "sort_key": thread.c.last_sort_key,
        **_item_document(),
        "created_at": _time("created_at"),
        "updated_at": func.now(),
    }
    return insert(thread_items).from_select(list(values), select(*values.values()).select_from(thread))


# Attachments


def load_attachment() -> ClauseElement:
    """The document of one attachment, or no row."""
    document = _as_text(attachments.c.attachment)
    return select(document).where(attachments.c.user_id == USER, attachments.c.id == _text("id"))


def save_attachment() -> ClauseElement:
    """Inserts or replaces an attachment that belongs to no thread yet."""
    rows = insert(attachments).values(_attachment_values(USER)).inline()
    return _replacing(rows, attachments, "thread_id", "attachment")


def save_thread_attachment() -> ClauseElement:
    """Inserts or replaces an attachment of a thread; no row when there is no such thread.

    FOR KEY SHARE keeps the thread from being deleted before the commit, so that the foreign key cannot fail.
    """
    thread = (
        select(threads.c.user_id, threads.c.id)
        .where(threads.c.user_id == USER, threads.c.id == _text("thread_id"))
        .with_for_update(read=True, key_share=True)
        .cte("thread")
    )
    values = {**_attachment_values(thread.c.user_id), "thread_id": thread.c.id}
    rows = insert(attachments).from_select(list(values), select(*values.values()).select_from(thread))
    return _replacing(rows, attachments, "thread_id", "attachment").returning(attachments.c.id)


def delete_attachment() -> ClauseElement:
    """Deletes one attachment."""
    return delete(attachments).where(attachments.c.user_id == USER, attachments.c.id == _text("id"))


def _attachment_values(user: ColumnElement[str]) -> dict[str, Any]:
    return {
        "user_id": user,
        "id": _text("id"),
        "attachment": _document("attachment"),
        "created_at": func.now(),
        "updated_at": func.now(),
    }


# Shared


def _replacing(rows: Insert, table: Table, *columns: str, unless: ColumnElement[bool] | None = None) -> Insert:
    """Return *rows* as an upsert that replaces *columns* of a row with the same key."""
    return rows.on_conflict_do_update(
        index_elements=list(table.primary_key),
        # Not now(), which Citus refuses here.
        set_={name: rows.excluded[name] for name in (*columns, "updated_at")},
        where=None if unless is None else not_(unless),
    )


def _page(
    document: Column[Any],
    order: tuple[Column[Any], ...],
    mine: ColumnElement[bool],
    *,
    descending: bool,
    after_cursor: bool,
) -> ClauseElement:
    """Ids and documents of up to ``limit`` rows, in *order*, from the edge or behind the cursor row ``after``.

    An unknown cursor gives no row at all; a cursor with nothing behind it gives one row of nulls. So both are
    told apart in the same round trip, and neither can be taken for the first page.
    """
    table = document.table
    rows = select(table.c.id, _as_text(document)).where(mine)
    ordered = [column.desc() if descending else column for column in order]
    if not after_cursor:
        return rows.order_by(*ordered).limit(LIMIT)
    # Materialised, so that the cursor's row is looked up once, by the primary key.
    cursor = select(*order).where(mine, table.c.id == _text("after")).cte("cursor").prefix_with("MATERIALIZED")
    edge = tuple_(*(cursor.c[column.name] for column in order))
    place = tuple_(*order)
    extra = [column for column in order if column is not table.c.id]
    behind = rows.add_columns(*extra).where(place < edge if descending else place > edge)
    page = behind.order_by(*ordered).limit(LIMIT).lateral("page")
    in_order = [page.c[column.name].desc() if descending else page.c[column.name] for column in order]
    joined = cursor.outerjoin(page, true())
    return select(page.c.id, page.c[document.name]).select_from(joined).order_by(*in_order)
