"""The commands that make the tables, and tell of them: migrate, check, status, sql."""

from functools import partial
from typing import Annotated, Any

import typer

from chatkit_pgstore import _migrations, operations
from chatkit_pgstore._settings import ThreadOrder, UsersTable
from chatkit_pgstore.cli._distribute import distribute
from chatkit_pgstore.cli._options import AsJson, DatabaseUrl, PoolerName, SchemaName, Target, say
from chatkit_pgstore.cli._status_text import told
from chatkit_pgstore.store import PostgresStore

Users = Annotated[str | None, typer.Option("--users", metavar="TABLE", help="Your table of users, as in app.users.")]
UsersColumn = Annotated[str, typer.Option("--users-column", metavar="NAME", help="The column of their ids.")]
RowSecurity = Annotated[bool, typer.Option("--row-security", help="Turn on policies that show a user's rows alone.")]
Order = Annotated[
    ThreadOrder, typer.Option("--thread-order", help="What your servers list threads by: updated_at needs an index.")
]
Exact = Annotated[bool, typer.Option("--exact", help="Count large tables, too, and however long it takes.")]
Start = Annotated[
    str | None,
    typer.Option("--from", metavar="REVISION", help="What the database is at. Default: nothing, it is empty."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command()(migrate)
    app.command()(check)
    app.command()(status)
    app.command()(sql)
    app.command()(distribute)


def migrate(
    *,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    users: Users = None,
    users_column: UsersColumn = "id",
    row_security: RowSecurity = False,
    thread_order: Order = "created_at",
    as_json: AsJson = False,
) -> None:
    """Bring the database to the newest schema."""
    referred = None if users is None else UsersTable(users, column=users_column)
    migration = partial(_migrate, row_security=row_security)
    target = Target(database_url, schema, pooler)
    target.run(migration, check=False, users=referred, thread_order=thread_order)
    _say_revision(as_json=as_json)


def check(
    *, database_url: DatabaseUrl = None, schema: SchemaName = None, pooler: PoolerName = None, as_json: AsJson = False
) -> None:
    """Say whether the database has the schema this release needs; change nothing."""
    Target(database_url, schema, pooler).run(_nothing)
    _say_revision(as_json=as_json)


def status(
    *,
    database_url: DatabaseUrl = None,
    schema: SchemaName = None,
    pooler: PoolerName = None,
    exact: Exact = False,
    as_json: AsJson = False,
) -> None:
    """Tell what is in the tables, how much room it takes, and when they were last used."""
    target = Target(database_url, schema, pooler)
    found = target.run(lambda store: operations.status(store, exact=exact), check=False)
    say(told(found), found, as_json=as_json)


def sql(*, start: Start = None, schema: SchemaName = None) -> None:
    """Print the SQL of an upgrade, for a DBA to run."""
    say(_migrations.sql(start=start, schema=schema), None, as_json=False)


async def _migrate(store: PostgresStore[Any], *, row_security: bool) -> None:
    await store.initialize()
    if row_security:
        await operations.enable_row_security(store)


async def _nothing(_: PostgresStore[Any]) -> None:
    """Do nothing: that the schema was checked is all."""


def _say_revision(*, as_json: bool) -> None:
    revision = _migrations.head()
    say(f"The database is at revision {revision}.", {"revision": revision}, as_json=as_json)
