"""The SQL that exports and imports: steps through a user's rows, and rows in by the thousand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Insert,
    Select,
    Table,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    not_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from chatkit_pgstore._tables import attachments, feedback, thread_items, threads

ROWS_PER_STEP = 500
BYTES_PER_STEP = 2**20
"""As stored, which is compressed: text that people write unpacks to a few times as much."""


@dataclass(frozen=True)
class Kind:
    """A table as it is moved: the order of its rows, and which column holds the document."""

    name: str
    order: tuple[Column[Any], ...]
    document: Column[Any] | None
    """None: its rows have none."""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a line calls a column, where that is another name."""
    derived: Column[Any] | None = None
    """A column that is made of the document when that is written, and so is neither moved nor compared."""
    counts: Callable[[ColumnElement[Any]], ColumnElement[bool]] | None = None
    """Of a user, whether a row is one to be moved; None: each is."""

    @property
    def table(self) -> Table:
        """The table."""
        table = self.order[0].table
        assert isinstance(table, Table)  # noqa: S101  # a column's table may be any selectable, to a type checker
        return table

    @cached_property
    def columns(self) -> list[Column[Any]]:
        """What is written beside the document; the user stands on a line of its own."""
        apart = {"user_id", *(each.name for each in (self.document, self.derived) if each is not None)}
        return [each for each in self.table.c if each.name not in apart]

    @cached_property
    def names(self) -> dict[str, str]:
        """What a line calls each column, as plain text: SQLAlchemy's own kind takes pydantic long to write."""
        names = ["".join(each.name) for each in self.columns]
        return {name: self.renamed.get(name, name) for name in names}

    @cached_property
    def documents(self) -> list[Column[Any]]:
        """The document, and what is made of it; texts until they are in the table."""
        return [each for each in (self.document, self.derived) if each is not None]


def _is_on_an_item(user: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the item that feedback is on is there.

    It is not where the feedback was written while the item was being deleted, or where a release deleted the item that
    knows no feedback. Such rows go with their thread.
    """
    same = (thread_items.c.thread_id == feedback.c.thread_id, thread_items.c.id == feedback.c.item_id)
    return exists().where(thread_items.c.user_id == user, *same).correlate(feedback)


THREADS = Kind("thread", (threads.c.id,), threads.c.thread, derived=threads.c.metadata)
ITEMS = Kind("item", (thread_items.c.thread_id, thread_items.c.sort_key), thread_items.c.item)
ATTACHMENTS = Kind("attachment", (attachments.c.id,), attachments.c.attachment)
# A line's own kind is "feedback".
FEEDBACK = Kind(
    "feedback", (feedback.c.thread_id, feedback.c.item_id), None, {"kind": "feedback"}, counts=_is_on_an_item
)


def next_rows(kind: Kind, user: ColumnElement[Any], after: Sequence[Any] | None) -> Select[Any]:
    """The rows behind *after* in their order, as many as the limits of a step allow, and one at least.

    The document stands last. Sizes are looked up without unpacking what is measured, and only rows within the step are
    unpacked.
    """
    document = literal("", Text()).label("document") if kind.document is None else kind.document
    behind = [] if after is None else [tuple_(*kind.order) > tuple_(*_bound(kind.order, after))]
    counted = [] if kind.counts is None else [kind.counts(user)]
    few = (
        select(*kind.columns, document, func.pg_column_size(document).label("size"))
        .where(kind.table.c.user_id == user, *behind, *counted)
        .order_by(*kind.order)
        .limit(ROWS_PER_STEP)
        .subquery("few")
    )
    before = func.sum(few.c.size).over(order_by=[few.c[each.name] for each in kind.order]) - few.c.size
    summed = select(few, before.label("before")).subquery("summed")
    return (
        select(*(summed.c[each.name] for each in kind.columns), cast(summed.c[document.name], Text).label("document"))
        .where(summed.c.before < BYTES_PER_STEP)
        .order_by(*(summed.c[each.name] for each in kind.order))
    )


def _bound(columns: Sequence[Column[Any]], values: Sequence[Any]) -> list[ColumnElement[Any]]:
    return [
        bindparam(f"after_{each.name}", value, type_=each.type) for each, value in zip(columns, values, strict=True)
    ]


def next_user(after: ColumnElement[Any] | None) -> Select[Any]:
    """The first user behind *after* who has anything."""
    found = [
        select(table.c.user_id)
        .where(*([] if after is None else [table.c.user_id > after]))
        .order_by(table.c.user_id)
        .limit(1)
        .subquery()
        for table in (threads, attachments)
    ]
    of_both = select(found[0].c.user_id).union_all(select(found[1].c.user_id)).subquery("of_both")
    return select(cast(of_both.c.user_id, Text)).order_by(of_both.c.user_id).limit(1)


def insert_rows(kind: Kind, user: ColumnElement[Any], rows: Sequence[Sequence[Any]]) -> Insert:
    """Inserts *rows*, each the values of columns and documents, apart from those whose key is there already."""
    given = _given(kind, rows)
    names = ["user_id", *(each.name for each in (*kind.columns, *kind.documents))]
    values = [user, *(given.c[each.name] for each in kind.columns)]
    values += [cast(given.c[each.name], each.type) for each in kind.documents]
    return insert(kind.table).from_select(names, select(*values)).on_conflict_do_nothing()


def first_that_differs(kind: Kind, user: ColumnElement[Any], rows: Sequence[Sequence[Any]]) -> Select[Any]:
    """The place in *rows*, from 1, of the first that does not stand in the table just as it is given."""
    given, table = _given(kind, rows), kind.table
    key = [each.name for each in table.primary_key if each.name != "user_id"]
    same = [table.c[name] == given.c[name] for name in key]
    same += [
        table.c[each.name].is_not_distinct_from(given.c[each.name]) for each in kind.columns if each.name not in key
    ]
    if kind.document is not None:
        same.append(cast(kind.document, Text) == given.c[kind.document.name])
    there = exists().where(table.c.user_id == user, and_(*same)).correlate(given)
    return select(func.min(given.c.place)).where(not_(there))


def keep_threads(user: ColumnElement[Any], thread_ids: Sequence[str]) -> Select[Any]:
    """Keeps those threads from being deleted before the transaction ends."""
    return (
        select(threads.c.id)
        .where(threads.c.user_id == user, threads.c.id == func.any(_array("thread_ids", Text(), thread_ids)))
        .with_for_update(read=True, key_share=True)
    )


def first_without_thread(user: ColumnElement[Any], thread_ids: Sequence[str | None]) -> Select[Any]:
    """The place in *thread_ids*, from 1, of the first that is no thread of this user."""
    ids = _array("thread_ids", Text(), thread_ids)
    given = func.unnest(ids).table_valued("thread_id", with_ordinality="place").render_derived(name="given")
    there = exists().where(threads.c.user_id == user, threads.c.id == given.c.thread_id).correlate(given)
    return select(func.min(given.c.place)).where(given.c.thread_id.is_not(None), not_(there))


def first_without_item(user: ColumnElement[Any], thread_ids: Sequence[str], item_ids: Sequence[str]) -> Select[Any]:
    """The place in *thread_ids* and *item_ids*, from 1, of the first that is no item of this user."""
    wanted = [_array("thread_ids", Text(), thread_ids), _array("item_ids", Text(), item_ids)]
    given = func.unnest(*wanted).table_valued("thread_id", "id", with_ordinality="place").render_derived(name="given")
    same = (thread_items.c.thread_id == given.c.thread_id, thread_items.c.id == given.c.id)
    there = exists().where(thread_items.c.user_id == user, *same).correlate(given)
    return select(func.min(given.c.place)).where(not_(there))


def _given(kind: Kind, rows: Sequence[Sequence[Any]]) -> TableValuedAlias:
    """*rows* as a table of their own: an array for each column, so that a thousand rows are one statement."""
    types = {each.name: each.type for each in kind.columns} | {each.name: Text() for each in kind.documents}
    names = list(types)
    values = zip(*rows, strict=True)
    arrays = [_array(name, types[name], column_) for name, column_ in zip(names, values, strict=True)]
    columns = [column(name, type_) for name, type_ in types.items()]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality="place").render_derived(name="given")


def _array(name: str, type_: Any, values: Sequence[Any]) -> ColumnElement[Any]:
    return bindparam(f"given_{name}", list(values), type_=ARRAY(type_))
