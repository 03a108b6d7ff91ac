"""The schema: which revision a database is at, whether this release works on it, and the way to the newest."""

import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore._failures import explained, underlying
from chatkit_pgstore._tables import VERSION_TABLE, supported_revisions
from chatkit_pgstore.errors import ConfigurationError, SchemaError, SchemaOutOfDateError, SchemaTooNewError

logger = logging.getLogger("chatkit_pgstore")

LOCK = int.from_bytes(b"chatkit.", "big")
"""The key of the advisory lock under which one process migrates while the others wait."""

LOCK_WAIT_SECONDS = 120
"""How long a process waits for another one's migration."""

TABLE_LOCK_WAIT_SECONDS = 10
"""How long a migration waits for a table in use; whoever comes later queues up behind it for as long."""


@dataclass(frozen=True, slots=True)
class State:
    """What a database was found to be at."""

    revision: str | None
    """None: it has no tables of ours."""
    supported: frozenset[str]
    """The revisions whose releases work on it."""


def head() -> str:
    """Return the revision this release needs."""
    return str(_scripts().get_current_head())


def sql(*, start: str | None = None, end: str = "head", schema: str | None = None) -> str:
    """Return the SQL that brings a database from revision *start* (None: an empty one) to revision *end*.

    Of *schema*, which has to exist, the tables are made or changed; None: of the first in the search path.

    Raises:
        SchemaError: There is no such revision.
    """
    printed = io.StringIO()
    try:
        command.upgrade(_config(printed, schema), f"{start or 'base'}:{end}", sql=True)
    except CommandError as error:
        raise SchemaError(f"{error}. The revisions are: {', '.join(sorted(_known()))}.") from error
    return printed.getvalue()


async def found(engine: AsyncEngine, schema: str | None) -> State:
    """Return what the database is at.

    Raises:
        ConfigurationError: There is no such schema.
    """
    async with engine.connect() as connection:
        return await connection.run_sync(_found, schema)


async def upgrade(engine: AsyncEngine, schema: str | None) -> None:
    """Bring the database to the newest revision, in one transaction.

    Processes that do so at once wait for each other; all but the first find nothing left to do.
    """
    async with engine.connect() as connection:
        # A host's engine may be in autocommit, in which the lock would be released at once.
        await connection.execution_options(isolation_level="READ COMMITTED")
        try:
            await connection.run_sync(_upgrade, schema)
            await connection.commit()
        except Exception as error:
            raise explained(underlying(error)) from error


def needs_upgrade(state: State) -> bool:
    """Whether the database is empty or behind.

    Raises:
        SchemaTooNewError: It is ahead, and does not record that it still serves this release. Where it does,
            a warning is logged.
    """
    if state.revision == head():
        return False
    if state.revision is None or state.revision in _known():
        return True
    if head() not in state.supported:
        raise SchemaTooNewError(
            f"The database is at revision {state.revision}, which no longer serves this release of "
            f"chatkit-pgstore (revision {head()}). Upgrade chatkit-pgstore."
        )
    logger.warning(
        "The database is at revision %s, newer than this release's %s, and still serves it",
        state.revision,
        head(),
    )
    return False


def out_of_date(state: State) -> SchemaOutOfDateError:
    """Return the error for a database that is empty or behind."""
    found = "has no tables of chatkit-pgstore" if state.revision is None else f"is at revision {state.revision}"
    return SchemaOutOfDateError(
        f"The database {found}, but revision {head()} is needed. Run `chatkit-pgstore migrate`, "
        "or await store.initialize() at start-up."
    )


def _found(connection: Connection, schema: str | None) -> State:
    if schema is not None and not inspect(connection).has_schema(schema):
        raise ConfigurationError(
            f'There is no schema "{schema}" in this database. Create it first: CREATE SCHEMA "{schema}".'
        )
    opts = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    revision = MigrationContext.configure(connection, opts=opts).get_current_revision()
    if revision is None:
        return State(None, frozenset())
    places = {"schema_translate_map": {None: schema}}
    supported = connection.scalars(select(supported_revisions.c.revision), execution_options=places)
    return State(revision, frozenset(supported))


def _upgrade(connection: Connection, schema: str | None) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    # Transaction-level, so that it also holds behind a transaction pooler.
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_WAIT_SECONDS}s'"))
    if needs_upgrade(_found(connection, schema)):
        config = _config(schema=schema)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(output: io.StringIO | None = None, schema: str | None = None) -> Config:
    config = Config(output_buffer=output)
    config.attributes["schema"] = schema
    # Config reads "%" as the start of an interpolation.
    config.set_main_option("script_location", str(_location(Path(__file__).parent)).replace("%", "%%"))
    return config


def _location(package: Path) -> Path:
    """Return the folder of the migrations: inside the package as installed, beside ``src`` in a checkout."""
    candidates: Iterable[Path] = (package / "migrations", package.parents[1] / "migrations")
    return next(folder for folder in candidates if (folder / "env.py").is_file())
