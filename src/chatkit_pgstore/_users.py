"""The foreign keys from our tables to the host's table of users, and the type that ``user_id`` takes from it.

They are an option of a database and no revision of its schema: `apply` brings about what is not there yet.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, ForeignKeyConstraint, func, select, text
from sqlalchemy.exc import DBAPIError

from chatkit_pgstore._failures import underlying
from chatkit_pgstore._layout import UserType, look_at, table_in, threads_in
from chatkit_pgstore._settings import UsersTable
from chatkit_pgstore._tables import attachments, feedback, file_chunks, files, thread_items, threads
from chatkit_pgstore.errors import ConfigurationError

TYPES: dict[str, UserType] = {
    "text": "text",
    "character varying": "text",
    "uuid": "uuid",
    "integer": "integer",
    "bigint": "bigint",
}
"""What ``user_id`` is for a column of each type."""

SQL_TYPES: dict[UserType, str] = {"text": 'text COLLATE "C"', "uuid": "uuid", "integer": "integer", "bigint": "bigint"}

TABLES = (threads, thread_items, attachments, feedback, files, file_chunks)
"""The tables of users' rows, each behind those that it refers to."""

REFERRING = ("chatkit_threads", "chatkit_attachments")
"""Items and feedback go with their thread. Files stay for the sweep, which deletes their bytes."""

NO_NAMES = ("42601", "42602", "0A000")
"""Syntax error, invalid name, and a name in another database."""

FIND = text("""
SELECT format('%I.%I', n.nspname, c.relname) AS name, quote_ident(a.attname) AS column,
       format_type(a.atttypid, NULL) AS type, c.oid AS oid, a.attnum AS number,
       EXISTS (SELECT FROM pg_catalog.pg_index AS i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
                  AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a
         ON a.attrelid = c.oid AND a.attname = :column AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.oid = to_regclass(:table)
""")

FOREIGN_KEYS = text("""
SELECT count(*) FROM pg_catalog.pg_constraint
 WHERE conrelid IN (to_regclass(:threads), to_regclass(:attachments)) AND contype = 'f' AND convalidated
   AND confrelid = :oid AND confkey = ARRAY[:number]::smallint[] AND confdeltype = 'c'
""")


@dataclass(frozen=True, slots=True)
class Reference:
    """The column that ``user_id`` refers to, as SQL writes it."""

    table: str
    column: str
    user_type: UserType
    in_place: bool
    """Whether the foreign keys are there."""


def reference(connection: Connection, users: UsersTable, schema: str | None) -> Reference:
    """Return what *users* names.

    Raises:
        ConfigurationError: There is no such table or column, its type is none of ours, or nothing makes it unique.
    """
    try:
        found = connection.execute(FIND, {"table": users.name, "column": users.column}).one_or_none()
    except DBAPIError as error:
        if getattr(underlying(error), "sqlstate", None) not in NO_NAMES:
            raise
        raise ConfigurationError(f"{users.name!r} cannot be read as the name of a table.") from error
    if found is None:
        raise ConfigurationError(
            f"There is no table {users.name}, which users= names. Write it with its schema, and with double quotes "
            "where SQL needs them."
        )
    if found.type is None:
        raise ConfigurationError(f"The table {users.name} has no column {users.column}, which users= names.")
    if found.type not in TYPES:
        raise ConfigurationError(
            f"{users.name}.{users.column} is of type {found.type}, but ids of users can be text, varchar, uuid, "
            "integer or bigint."
        )
    if not found.is_unique:
        raise ConfigurationError(
            f"Nothing makes {users.name}.{users.column} unique: it has to be the table's primary key, or have a "
            "unique constraint of its own."
        )
    places = {"threads": threads_in(schema), "attachments": table_in(schema, "chatkit_attachments")}
    keys = connection.execute(FOREIGN_KEYS, {**places, "oid": found.oid, "number": found.number}).scalar_one()
    return Reference(found.name, found.column, TYPES[found.type], in_place=keys == len(REFERRING))


def adjustment(reference: Reference, users: UsersTable, schema: str | None) -> Callable[[Connection], None]:
    """Return what gives ``user_id`` the type of *reference*, and the foreign keys to it, within a transaction.

    It raises ConfigurationError where the conversations that are there do not suit.
    """

    def adjust(connection: Connection) -> None:
        with _explained(users, reference), connection.begin_nested():
            _retype(connection, schema, reference.user_type)
            for table in REFERRING:
                _refer(connection, schema, table, reference)

    return adjust


def _retype(connection: Connection, schema: str | None, user_type: UserType) -> None:
    """Give ``user_id`` its type; what tables refer to changes with them, so that the keys are away meanwhile."""
    found = connection.execute(look_at(schema)).one()
    if found.user_type == user_type:
        return
    if found.row_security or found.distributed:
        raise ConfigurationError(
            f"user_id is {found.user_type} and would become {user_type}, which cannot be done to tables under row "
            "security or distributed by it. Name the table of users first."
        )
    ours = [table for table in TABLES if _stands(connection, schema, table.name)]
    keys = [(table.name, key) for table in ours for key in table.foreign_key_constraints]
    for name, key in keys:
        _alter(connection, schema, name, f"DROP CONSTRAINT {key.name}")
    change = f"TYPE {SQL_TYPES[user_type]} USING CAST(CAST(user_id AS text) AS {user_type})"
    for table in ours:
        _alter(connection, schema, table.name, f"DROP CONSTRAINT IF EXISTS {table.name}_user_fkey")
        _alter(connection, schema, table.name, f"ALTER COLUMN user_id {change}")
    for name, key in keys:
        _alter(connection, schema, name, f"ADD CONSTRAINT {key.name} {_definition(schema, key)}")


def _stands(connection: Connection, schema: str | None, table: str) -> bool:
    # A migration of the host's may ask for an older revision, which has fewer tables.
    return connection.scalar(select(func.to_regclass(table_in(schema, table)))) is not None


def _definition(schema: str | None, key: ForeignKeyConstraint) -> str:
    columns, referred = ", ".join(key.column_keys), ", ".join(each.column.name for each in key.elements)
    place = table_in(schema, key.referred_table.name)
    return f"FOREIGN KEY ({columns}) REFERENCES {place} ({referred}) ON DELETE {key.ondelete}"


def _refer(connection: Connection, schema: str | None, table: str, reference: Reference) -> None:
    name, key = f"{table}_user_fkey", f"FOREIGN KEY (user_id) REFERENCES {reference.table} ({reference.column})"
    _alter(connection, schema, table, f"DROP CONSTRAINT IF EXISTS {name}")
    _alter(connection, schema, table, f"ADD CONSTRAINT {name} {key} ON DELETE CASCADE")


def _alter(connection: Connection, schema: str | None, table: str, change: str) -> None:
    # Past SQLAlchemy's text(), to which a colon in a quoted name would be a parameter.
    connection.exec_driver_sql(f"ALTER TABLE {table_in(schema, table)} {change}")


@contextmanager
def _explained(users: UsersTable, reference: Reference) -> Generator[None, None, None]:
    try:
        yield
    except DBAPIError as error:
        match getattr(underlying(error), "sqlstate", None):
            case "22P02" | "22003":
                problem = f"whose ids are no {reference.user_type}"
            case "23503":
                problem = "who are not there"
            case _:
                raise
        raise ConfigurationError(
            f"user_id cannot refer to {users.name}.{users.column}: there are conversations of users {problem}. Add or "
            "erase these users first, and sweep the files that erasing leaves. Nothing was changed."
        ) from error
