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
from sqlalchemy import Connection, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from chatkit_pgstore._failures import explained, underlying
from chatkit_pgstore._tables import VERSION_TABLE, supported_revisions
from chatkit_pgstore.errors import SchemaError, SchemaOutOfDateError, SchemaTooNewError

logger = logging.getLogger("chatkit_pgstore")

LOCK = int.from_bytes(b"chatkit.", "big")
"""The key of the advisory lock under which one process migrates while the others wait."""

LOCK_WAIT_SECONDS = 120
"""How long a process waits for another one's migration."""

TABLE_LOCK_WAIT_SECONDS = 10
"""How long a migration waits for a table in use; whoever comes later queues up behind it for as long."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database was found to be at."""

    revision: str | None
    """None: it has no tables of ours."""
    supported: frozenset[str]
    """The revisions whose releases work on it."""


def head() -> str:
    """Return the revision this release needs."""
    return str(_scripts().get_current_head())


def sql(*, start: str | None = None, end: str = "head") -> str:
    """Return the SQL that brings a database from revision *start* (None: an empty one) to revision *end*.

    Raises:
        SchemaError: There is no such revision.
    """
    printed = io.StringIO()
    try:
        command.upgrade(_config(printed), f"{start or 'base'}:{end}", sql=True)
    except CommandError as error:
        raise SchemaError(f"{error}. The revisions are: {', '.join(sorted(_known()))}.") from error
    return printed.getvalue()


async def found(engine: AsyncEngine) -> Schema:
    """Return what the database is at."""
    async with engine.connect() as connection:
        return await connection.run_sync(_found)


async def upgrade(engine: AsyncEngine) -> None:
    """Bring the database to the newest revision, in one transaction.

    Processes that do so at once wait for each other; all but the first find nothing left to do.
    """
    async with engine.connect() as connection:
        # A host's engine may be in autocommit, in which the lock would be released at once.
        await connection.execution_options(isolation_level="READ COMMITTED")
        try:
            await connection.run_sync(_upgrade)
            await connection.commit()
        except Exception as error:
            raise explained(underlying(error)) from error


def needs_upgrade(schema: Schema) -> bool:
    """Whether the database is empty or behind.

    Raises:
        SchemaTooNewError: It is ahead, and does not record that it still serves this release. Where it does,
            a warning is logged.
    """
    if schema.revision == head():
        return False
    if schema.revision is None or schema.revision in _known():
        return True
    if head() not in schema.supported:
        raise SchemaTooNewError(
            f"The database is at revision {schema.revision}, which no longer serves this release of "
            f"chatkit-pgstore (revision {head()}). Upgrade chatkit-pgstore."
        )
    logger.warning(
        "The database is at revision %s, newer than this release's %s, and still serves it",
        schema.revision,
        head(),
    )
    return False


def out_of_date(schema: Schema) -> SchemaOutOfDateError:
    """Return the error for a database that is empty or behind."""
    state = "has no tables of chatkit-pgstore" if schema.revision is None else f"is at revision {schema.revision}"
    return SchemaOutOfDateError(
        f"The database {state}, but revision {head()} is needed. Run `chatkit-pgstore migrate`, "
        "or await store.initialize() at start-up."
    )


def _found(connection: Connection) -> Schema:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    revision = context.get_current_revision()
    if revision is None:
        return Schema(None, frozenset())
    return Schema(revision, frozenset(connection.scalars(select(supported_revisions.c.revision))))


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    # Transaction-level, so that it also holds behind a transaction pooler.
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_WAIT_SECONDS}s'"))
    if needs_upgrade(_found(connection)):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output)
    # Config reads "%" as the start of an interpolation.
    config.set_main_option("script_location", str(_location(Path(__file__).parent)).replace("%", "%%"))
    return config


def _location(package: Path) -> Path:
    """Return the folder of the migrations: inside the package as installed, beside ``src`` in a checkout."""
    candidates: Iterable[Path] = (package / "migrations", package.parents[1] / "migrations")
    return next(folder for folder in candidates if (folder / "env.py").is_file())
