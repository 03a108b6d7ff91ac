"""Whether every level of a statement binds the user: each SELECT, UPDATE, DELETE and INSERT in it, however deep.

Derived from the SQL itself, as a parser reads it. A level binds the user when each of our tables that it names has a
condition of its own, ``user_id = <the user>``, that no OR can weaken; an INSERT, when the user is what it writes to
``user_id``. Rows of a WITH are bound by the level that they come from.
"""

import re
from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp

from chatkit_pgstore._append_function import functions
from chatkit_pgstore._compiled import Statement

LEVELS = (exp.Select, exp.Update, exp.Delete, exp.Insert)
OURS = "chatkit_"
VARIABLES = ("of_user", "of_thread", "item_id", "item_type", "item_status", "item_document", "item_time", "given")
STATEMENT_OF_A_BODY = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b[^;]*")


def unbound_levels(sql: str, user: Collection[int]) -> list[str]:
    """Return the levels that do not bind the user, as SQL; *user* has the numbers of the parameters that are it."""
    statement = sqlglot.parse_one(sql, read="postgres")
    with_names = {cte.alias for cte in statement.find_all(exp.CTE)}
    return [level.sql("postgres") for level in statement.find_all(*LEVELS) if not _binds(level, user, with_names)]


def _binds(level: exp.Expression, user: Collection[int], with_names: Collection[str]) -> bool:
    if isinstance(level, exp.Insert):
        return _writes_the_user(level, user, with_names) and _conflicts_within_the_user(level)
    bound = {column.table for column in _columns_that_are_the_user(level, user)}
    tables = [table for table in _tables(level) if table.name.startswith(OURS) and table.name not in with_names]
    return all(table.alias_or_name in bound or (bound == {""} and len(tables) == 1) for table in tables)


def _tables(level: exp.Expression) -> Iterator[exp.Table]:
    """Yield the tables that a level names itself, and not a level within it."""
    for table in level.find_all(exp.Table):
        if table.find_ancestor(*LEVELS) is level:
            yield table


def _columns_that_are_the_user(level: exp.Expression, user: Collection[int]) -> Iterator[exp.Column]:
    where = level.args.get("where")
    conditions = list(where.this.flatten()) if where and isinstance(where.this, exp.And) else [where and where.this]
    for condition in conditions:
        if isinstance(condition, exp.EQ):
            for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
                if isinstance(column, exp.Column) and column.name == "user_id" and _is_the_user(value, user):
                    yield column


def _is_the_user(value: exp.Expression, user: Collection[int]) -> bool:
    while isinstance(value, (exp.Cast, exp.Paren, exp.Alias)):
        value = value.this
    return isinstance(value, exp.Parameter) and int(value.name) in user


def _writes_the_user(insert: exp.Insert, user: Collection[int], with_names: Collection[str]) -> bool:
    place = [column.name for column in insert.this.expressions].index("user_id")
    source = insert.expression
    rows = source.expressions if isinstance(source, exp.Values) else [source]
    values = [row.expressions[place].unalias() for row in rows]
    return all(_is_the_user(value, user) or _comes_from(value, with_names) for value in values)


def _comes_from(value: exp.Expression, with_names: Collection[str]) -> bool:
    return isinstance(value, exp.Column) and value.name == "user_id" and value.table in with_names


def _conflicts_within_the_user(insert: exp.Insert) -> bool:
    """Whether a row conflicts with those of its own user alone, as it does by any key of the tables."""
    conflict = insert.args.get("conflict")
    keys = conflict.args.get("conflict_keys") if conflict else None
    return keys is None or "user_id" in [key.name for key in keys]


def statements_of_functions() -> list[Statement]:
    """Return each statement in the functions for Citus, with parameters in place of their variables."""
    found = []
    for function in functions("public", "text"):
        name = function.signature.partition("(")[0].rpartition(".")[2]
        for number, sql in enumerate(STATEMENT_OF_A_BODY.findall(function.body), 1):
            found.append(_with_parameters(f"{name} {number}", sql.replace(" INTO given", "")))
    return found


def _with_parameters(name: str, sql: str) -> Statement:
    used = tuple(variable for variable in VARIABLES if re.search(rf"\b{variable}\b", sql))
    for number, variable in enumerate(used, 1):
        sql = re.sub(rf"\b{variable}\b", f"${number}", sql)
    return Statement(name, sql, used)
