"""The statements as the driver takes them: SQL text and the order of its parameters, compiled once per schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, cast

from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

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

DIALECT: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its constructor untyped


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL for the driver, and the names of its parameters in the order the driver wants them."""

    name: str
    sql: str
    parameters: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the driver's positional arguments, out of *values* by name."""
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
    pages_of_threads: Pages
    pages_of_items: Pages


@cache
def compiled_statements(schema: str | None = None) -> Statements:
    """Return every statement as the driver takes it, on the tables in *schema*, or else in the search path."""
    single = (
        load_thread,
        save_thread,
        replace_thread,
        delete_thread,
        load_item,
        append_item,
        replace_item,
        delete_item,
        load_attachment,
        save_attachment,
        save_thread_attachment,
        delete_attachment,
    )
    return Statements(
        **{build.__name__: _compiled(build.__name__, build(), schema) for build in single},
        pages_of_threads=_compiled_pages(page_of_threads, schema),
        pages_of_items=_compiled_pages(page_of_items, schema),
    )


def _compiled(name: str, statement: ClauseElement, schema: str | None) -> Statement:
    names: dict[str, Any] = {"schema_translate_map": {None: schema}, "render_schema_translate": True} if schema else {}
    compiler = cast("SQLCompiler", statement.compile(dialect=DIALECT, **names))
    return Statement(name, str(compiler), tuple(compiler.positiontup or ()))


def _compiled_pages(build: Callable[..., ClauseElement], schema: str | None) -> Pages:
    pages: dict[tuple[bool, bool], Statement] = {}
    for descending, after_cursor in product((False, True), repeat=2):
        order, start = "desc" if descending else "asc", "_after" if after_cursor else ""
        statement = build(descending=descending, after_cursor=after_cursor)
        pages[descending, after_cursor] = _compiled(f"{build.__name__}_{order}{start}", statement, schema)
    return pages
