"""The statements that are others where Citus holds the tables in shards: calls of the functions that stand beside them.

A statement that both updates a thread and inserts its item is to Citus several commands on one shard, with a commit in
two phases. A call of a function that is distributed by the user is sent on as it is to the machine that has the user's
rows, and done there in one transaction. What the functions do stands in `_append_function`.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, MetaData, Table, Text, bindparam, select
from sqlalchemy import DateTime as Time
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from chatkit_pgstore._append_function import APPEND_ITEM, REPLACE_ITEM
from chatkit_pgstore._clauses import USER


def append_item_by_function() -> ClauseElement:
    """Does what `append_item` does, by a function; no row when there is no such thread."""
    return select(_Appending(*_arguments()))


def replace_item_by_function() -> ClauseElement:
    """Does what `replace_item` does, by a function; no row when there is no such thread."""
    return select(_Replacing(*_arguments()))


def _arguments() -> tuple[ColumnElement[Any], ...]:
    texts = (bindparam(name, type_=Text()) for name in ("thread_id", "id", "type", "status", "item"))
    return (USER, *texts, bindparam("created_at", type_=Time(timezone=True)))


class _Function(FunctionElement[int]):
    """A function in the schema of the tables.

    Its call is the only expression of the SELECT and stands in no FROM: in this form every release of Citus since 9.0
    hands it on.
    """

    inherit_cache = True
    type = BigInteger()
    beside: Table
    """Stands for the function's name, which is found and quoted as a table's is."""


class _Appending(_Function):
    inherit_cache = True
    beside = Table(APPEND_ITEM, MetaData())


class _Replacing(_Function):
    inherit_cache = True
    beside = Table(REPLACE_ITEM, MetaData())


@compiles(_Function)
def _call(element: _Function, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.preparer.format_table(element.beside)}{compiler.process(element.clause_expr, **options)}"
