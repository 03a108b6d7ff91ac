"""What statements are made of: parameters as they travel, upserts, and pages."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
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
    extract,
    literal_column,
    not_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from chatkit_pgstore._layout import USER_TYPES, UserType

USER_TYPE = "chatkit_user_type"
"""The attribute of a dialect that says what type the tables have for ``user_id``."""


def text_parameter(name: str) -> BindParameter[str]:
    """A parameter that is text."""
    return bindparam(name, type_=Text())


def document_parameter(name: str) -> ColumnElement[Any]:
    """A document travels as text, so that no json codec of a host's engine has a say in it."""
    return cast(text_parameter(name), JSON)


def jsonb_parameter(name: str) -> ColumnElement[Any]:
    """Likewise, for a column that SQL looks into."""
    return cast(text_parameter(name), JSONB)


def as_text(document: Column[Any]) -> ColumnElement[str]:
    """A document as the text that was stored."""
    return cast(document, Text).label(document.name)


def time_parameter(name: str) -> BindParameter[Any]:
    """A parameter that is a moment."""
    return bindparam(name, type_=DateTime(timezone=True))


class UserParameter(ColumnElement[str]):
    """The user's id: always sent as text, and cast to the type that the tables have for it."""

    inherit_cache = True
    type = Text()
    parameter = text_parameter("user_id")


@compiles(UserParameter)
def _user_in_its_type(element: UserParameter, compiler: SQLCompiler, **options: Any) -> str:
    user_type: UserType = getattr(compiler.dialect, USER_TYPE, "text")
    parameter = element.parameter if user_type == "text" else cast(element.parameter, USER_TYPES[user_type])
    return compiler.process(parameter, **options)


USER = UserParameter()
LIMIT = bindparam("limit", type_=BigInteger())


def replacing(rows: Insert, table: Table, *columns: str, unless: ColumnElement[bool] | None = None) -> Insert:
    """Return *rows* as an upsert that replaces *columns* of a row with the same key."""
    return rows.on_conflict_do_update(
        index_elements=list(table.primary_key),
        # Not now(), which Citus refuses here.
        set_={name: rows.excluded[name] for name in (*columns, "updated_at")},
        where=None if unless is None else not_(unless),
    )


def page(
    document: Column[Any],
    order: tuple[Column[Any], ...],
    mine: ColumnElement[bool],
    *,
    descending: bool,
    after_cursor: bool,
    matching: ColumnElement[bool] | None = None,
) -> ClauseElement:
    """Ids and documents of up to ``limit`` rows, in *order*, from the edge or behind the cursor row ``after``.

    An unknown cursor gives no row at all; a cursor with nothing behind it gives one row of nulls. So both are
    told apart in the same round trip, and neither can be taken for the first page. The cursor need not be *matching*.
    """
    table = document.table
    rows = select(table.c.id, as_text(document)).where(_wanted(mine, matching))
    ordered = _ordered(order, descending=descending)
    if not after_cursor:
        return rows.order_by(*ordered).limit(LIMIT)
    # Materialised, so that the cursor's row is looked up once, by the primary key.
    cursor = select(*order).where(mine, table.c.id == text_parameter("after")).cte("cursor").prefix_with("MATERIALIZED")
    edge = tuple_(*(cursor.c[column.name] for column in order))
    place = tuple_(*order)
    extra = [column for column in order if column is not table.c.id]
    behind = rows.add_columns(*extra).where(place < edge if descending else place > edge)
    page = behind.order_by(*ordered).limit(LIMIT).lateral("page")
    in_order = _ordered([page.c[column.name] for column in order], descending=descending)
    joined = cursor.outerjoin(page, true())
    return select(page.c.id, page.c[document.name]).select_from(joined).order_by(*in_order)


def page_from_place(
    document: Column[Any],
    time: Column[Any],
    mine: ColumnElement[bool],
    *,
    descending: bool,
    after_cursor: bool,
    matching: ColumnElement[bool] | None = None,
) -> ClauseElement:
    """Ids, documents and microseconds since 1970 of up to ``limit`` rows, by *time* and id.

    Where they begin is said by the parameters ``after_time`` and ``after``, and by no row, which may have moved.
    """
    order = (time, document.table.c.id)
    columns = (document.table.c.id, as_text(document), _microseconds(time).label("microseconds"))
    rows = select(*columns).where(_wanted(mine, matching))
    if after_cursor:
        edge = tuple_(time_parameter("after_time"), text_parameter("after"))
        rows = rows.where(tuple_(*order) < edge if descending else tuple_(*order) > edge)
    return rows.order_by(*_ordered(order, descending=descending)).limit(LIMIT)


def _wanted(mine: ColumnElement[bool], matching: ColumnElement[bool] | None) -> ColumnElement[bool]:
    return mine if matching is None else and_(mine, matching)


def _ordered(order: Sequence[ColumnElement[Any]], *, descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column for column in order]


def _microseconds(time: Column[Any]) -> ColumnElement[int]:
    """Return *time* as a number, which is exact, for `extract` gives a numeric."""
    return cast(extract("epoch", time) * literal_column("1000000"), BigInteger)
