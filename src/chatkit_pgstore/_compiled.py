"""The statements as the driver takes them: SQL text and the order of its parameters, compiled once per layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from typing import Any, cast

from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from chatkit_pgstore._beyond_statements import (
    count_items,
    load_feedback,
    page_of_threads_by_activity,
    page_of_threads_by_activity_where,
    page_of_threads_where,
    save_feedback,
)
from chatkit_pgstore._clauses import USER_TYPE
from chatkit_pgstore._distributed_statements import append_item_by_function, replace_item_by_function
from chatkit_pgstore._layout import Layout, UserType, checked_user
from chatkit_pgstore._statements import (
    append_item,
    delete_attachment,
    delete_item,
    delete_thread,
    load_attachment,
    load_item,
    load_thread,
    page_of_items,
    page_of_threads,
    replace_item,
    replace_thread,
    save_attachment,
    save_thread,
    save_thread_attachment,
)

PLAIN = Layout()

_new_dialect: Callable[[], Dialect] = asyncpg.dialect
"""SQLAlchemy leaves its constructor untyped."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for the driver, and the names of its parameters in the order the driver wants them."""

    name: str
    sql: str
    parameters: tuple[str, ...]
    user_type: UserType = "text"

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the driver's positional arguments, out of *values* by name.

        Raises:
            UnknownUserError: The user's id cannot be one in these tables.
        """
        if self.user_type != "text":
            values = {**values, "user_id": checked_user(values["user_id"], self.user_type)}
        return [values[name] for name in self.parameters]


Pages = Mapping[tuple[bool, bool], Statement]
"""The statements of a listing, by whether it is descending and whether it starts behind a cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """All statements of a store."""

    load_thread: Statement
    save_thread: Statement
    replace_thread: Statement
    delete_thread: Statement
    load_item: Statement
    append_item: Statement
    replace_item: Statement
    delete_item: Statement
    load_attachment: Statement
    save_attachment: Statement
    save_thread_attachment: Statement
    delete_attachment: Statement
    save_feedback: Statement
    load_feedback: Statement
    count_items: Statement
    pages_of_threads: Pages
    pages_of_threads_by_activity: Pages
    pages_of_threads_where: Pages
    pages_of_threads_by_activity_where: Pages
    pages_of_items: Pages


@cache
def compiled_statements(layout: Layout = PLAIN) -> Statements:
    """Return every statement as the driver takes it, for tables of that *layout*."""
    single: dict[str, Callable[[], ClauseElement]] = {
        "load_thread": load_thread,
        "save_thread": save_thread,
        "replace_thread": replace_thread,
        "delete_thread": delete_thread,
        "load_item": load_item,
        "append_item": append_item_by_function if layout.distributed else append_item,
        "replace_item": replace_item_by_function if layout.distributed else replace_item,
        "delete_item": delete_item,
        "load_attachment": load_attachment,
        "save_attachment": save_attachment,
        "save_thread_attachment": save_thread_attachment,
        "delete_attachment": delete_attachment,
        "save_feedback": save_feedback,
        "load_feedback": load_feedback,
        "count_items": count_items,
    }
    return Statements(
        **{name: _compiled(name, build(), layout) for name, build in single.items()},
        pages_of_threads=_compiled_pages(page_of_threads, layout),
        pages_of_threads_by_activity=_compiled_pages(page_of_threads_by_activity, layout),
        pages_of_threads_where=_compiled_pages(page_of_threads_where, layout),
        pages_of_threads_by_activity_where=_compiled_pages(page_of_threads_by_activity_where, layout),
        pages_of_items=_compiled_pages(page_of_items, layout),
    )


@cache
def statements_by_name(layout: Layout) -> Mapping[str, Statement]:
    """Return the same, each by its name."""
    compiled = compiled_statements(layout)
    values: list[Statement | Pages] = [getattr(compiled, field.name) for field in fields(compiled)]
    lists = [[value] if isinstance(value, Statement) else list(value.values()) for value in values]
    return {statement.name: statement for each in lists for statement in each}


def _compiled(name: str, statement: ClauseElement, layout: Layout) -> Statement:
    dialect = _new_dialect()
    setattr(dialect, USER_TYPE, layout.user_type)
    places: dict[str, Any] = {}
    if layout.schema is not None:
        places = {"schema_translate_map": {None: layout.schema}, "render_schema_translate": True}
    compiler = cast("SQLCompiler", statement.compile(dialect=dialect, **places))
    return Statement(name, str(compiler), tuple(compiler.positiontup or ()), layout.user_type)


def _compiled_pages(build: Callable[..., ClauseElement], layout: Layout) -> Pages:
    pages: dict[tuple[bool, bool], Statement] = {}
    for descending, after_cursor in product((False, True), repeat=2):
        order, start = "desc" if descending else "asc", "_after" if after_cursor else ""
        statement = build(descending=descending, after_cursor=after_cursor)
        pages[descending, after_cursor] = _compiled(f"{build.__name__}_{order}{start}", statement, layout)
    return pages
