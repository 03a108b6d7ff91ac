"""What statements have to know of the tables they run on, and how it is found out."""

from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, TextClause, Uuid, literal, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.types import TypeEngine

from chatkit_pgstore.errors import UnknownUserError

UserType = Literal["text", "uuid", "integer", "bigint"]
"""The type of ``user_id``: that of the host's table of users, where there is one."""

USER_TYPES: dict[UserType, type[TypeEngine[Any]]] = {
    "text": Text,
    "uuid": Uuid,
    "integer": Integer,
    "bigint": BigInteger,
}

_BITS = {"integer": 32, "bigint": 64}


@dataclass(frozen=True, slots=True)
class Layout:
    """What one database's tables are like."""

    schema: str | None = None
    """Where they are; None: in the search path."""
    user_type: UserType = "text"
    distributed: bool = False
    """Whether Citus holds them in shards, with a function that appends within one."""

    def user(self, user_id: str) -> ColumnElement[Any]:
        """Return the user's id as a value of the column's type.

        Raises:
            UnknownUserError: No value of that type is this id.
        """
        return sql_cast(literal(checked_user(user_id, self.user_type), Text()), USER_TYPES[self.user_type])


def checked_user(user_id: str, user_type: UserType) -> str:
    """Return *user_id* when the column can hold it, a UUID in its canonical text.

    Raises:
        UnknownUserError: It cannot, so that there is no such user. ``05`` is no integer: two texts would be one user.
    """
    try:
        match user_type:
            case "text":
                return user_id
            case "uuid":
                return str(UUID(user_id))
            case _:
                return _integer(user_id, _BITS[user_type])
    except ValueError as error:
        raise UnknownUserError(
            f"There is no user {user_id!r}: the ids of users are of type {user_type} here."
        ) from error


def _integer(digits: str, bits: int) -> str:
    number = int(digits)
    if str(number) != digits or not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(digits)
    return digits


LOOK = """
SELECT format_type(a.atttypid, NULL) AS user_type,
       EXISTS (SELECT FROM pg_catalog.pg_proc AS p
                WHERE p.pronamespace = c.relnamespace AND p.proname = 'chatkit_append_item') AS distributed,
       c.relrowsecurity AS row_security,
       r.rolsuper OR r.rolbypassrls OR pg_has_role(c.relowner, 'USAGE') AS sees_everything
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id'
  JOIN pg_catalog.pg_roles AS r ON r.rolname = current_user
 WHERE c.oid = to_regclass($1)
"""
"""What the tables are like, and whether row security would hold this role; no row where there are none."""


def look_at(schema: str | None) -> TextClause:
    """Return `LOOK` at the tables in *schema* for a connection of SQLAlchemy's, whatever its driver."""
    return text(LOOK.replace("$1", ":table")).bindparams(table=threads_in(schema))


def threads_in(schema: str | None) -> str:
    """Return the name of the table of threads, as `LOOK` takes it."""
    return table_in(schema, "chatkit_threads")


def table_in(schema: str | None, table: str) -> str:
    """Return the name of one of our tables as SQL writes it."""
    if schema is None:
        return table
    quoted = schema.replace('"', '""')
    return f'"{quoted}".{table}'


def layout_of(schema: str | None, row: Any) -> Layout:
    """Return what the row that `LOOK` gave says."""
    return Layout(schema, cast("UserType", row[0]), row[1])
