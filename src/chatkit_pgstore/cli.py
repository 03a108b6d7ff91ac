"""The ``chatkit-pgstore`` command."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from chatkit_pgstore import _migrations
from chatkit_pgstore.errors import ConfigurationError, StoreError
from chatkit_pgstore.store import PostgresStore

SCHEMA_HELP = "where the tables are; it has to exist; default: the first schema of the search path"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 it failed and said why, 2 it was called wrongly."""
    parsed = _parser().parse_args(arguments)
    try:
        sys.stdout.write(_output(parsed) + "\n")
    except StoreError as error:
        sys.stderr.write(f"chatkit-pgstore: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chatkit-pgstore", description="The tables of chatkit-pgstore.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("migrate", "bring the database to the newest schema"),
        ("check", "say whether the database has the schema this release needs"),
    ):
        command = commands.add_parser(name, help=summary)
        command.add_argument("--database-url", help="default: the environment variable DATABASE_URL")
        command.add_argument("--schema", help=SCHEMA_HELP)
    printed = commands.add_parser("sql", help="print the SQL of an upgrade, for a DBA to run")
    printed.add_argument("--from", dest="start", help="the revision the database is at; default: none, it is empty")
    printed.add_argument("--schema", help=SCHEMA_HELP)
    return parser


def _output(parsed: argparse.Namespace) -> str:
    if parsed.command == "sql":
        return _migrations.sql(start=parsed.start, schema=parsed.schema)
    url = parsed.database_url or os.environ.get("DATABASE_URL")
    if not url:
        raise ConfigurationError("Give --database-url, or set DATABASE_URL.")
    asyncio.run(_initialize(url, parsed.schema, migrate=parsed.command == "migrate"))
    return f"The database is at revision {_migrations.head()}."


async def _initialize(url: str, schema: str | None, *, migrate: bool) -> None:
    store = PostgresStore[object](url, schema=schema)
    try:
        await store.initialize(migrate=migrate)
    finally:
        await store.close()
