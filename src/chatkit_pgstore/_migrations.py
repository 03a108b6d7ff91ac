"""The schema: which revision a database is at, whether this release works on it, and the way to the newest."""

import asyncio
import logging
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from chatkit_pgstore import _index_builds, _revisions
from chatkit_pgstore._failures import explained, is_transient, underlying
from chatkit_pgstore._index_builds import LOCK, Obstacle, Pause, settings
from chatkit_pgstore._revisions import head
from chatkit_pgstore._tables import VERSION_TABLE, metadata, supported_revisions
from chatkit_pgstore.errors import (
    ConfigurationError,
    SchemaError,
    SchemaOutOfDateError,
    SchemaTooNewError,
    StoreUnavailableError,
)

__all__ = [
    "LOCK",
    "Obstacle",
    "State",
    "advance",
    "found",
    "head",
    "is_behind",
    "migrating",
    "needs_upgrade",
    "out_of_date",
    "pause",
    "sql",
    "upgrade",
]

logger = logging.getLogger("chatkit_pgstore")

OUR_REVISION = re.compile(r"\d{4}")

Adjust = Callable[[Connection], Obstacle | None]
"""What is done in the transaction of the migration once the revisions are there, unless something has to be first."""


@dataclass(frozen=True, slots=True)
class State:
    """What a database was found to be at."""

    revision: str | None
    """None: it has no tables of ours."""
    supported: frozenset[str]
    """The revisions whose releases work on it."""


def sql(*, start: str | None = None, end: str = "head", schema: str | None = None) -> str:
    """Return the SQL that brings a database from revision *start* (None: an empty one) to revision *end*.

    Of *schema*, which has to exist, the tables are made or changed; None: of the first in the search path. It is one
    transaction, but for indexes of tables in use: each is built before the transaction that needs it.

    Raises:
        SchemaError: There is no such revision.
    """
    return _revisions.printed(start, end, schema)


async def found(engine: AsyncEngine, schema: str | None) -> State:
    """Return what the database is at.

    Raises:
        ConfigurationError: There is no such schema, or none in the search path.
        SchemaError: What is there is not ours.
    """
    async with engine.connect() as connection:
        return await connection.run_sync(_found, schema)


def is_behind(connection: Connection, schema: str | None) -> bool:
    """Whether the database on *connection* is empty or behind.

    Raises what `found` and `needs_upgrade` raise.
    """
    return needs_upgrade(_found(connection, schema))


async def upgrade(engine: AsyncEngine, schema: str | None, adjust: Adjust | None = None) -> None:
    """Bring the database to the newest revision, in one transaction unless indexes of tables in use have to be built.

    Processes that do so at once wait for each other; all but the first find nothing left to do.

    Args:
        adjust: Called in that transaction, under its lock, once the revisions are there, and also where nothing
            was left to do.

    Raises:
        StoreUnavailableError: The connection broke, a table stayed in use, or another process migrates.
        ConfigurationError: The role lacks rights; or an index has to be built, and a pooler is in the way.
        SchemaError: What is in the database is not ours, or no longer serves this release.
    """
    async with engine.connect() as connection:
        try:
            await connection.run_sync(_upgrade, schema, adjust)
        except DBAPIError as error:
            raise _told(underlying(error)) from error


def _told(error: BaseException) -> BaseException:
    if is_transient(error):
        return StoreUnavailableError(
            f"The migration was broken off: {error}. What was not finished is undone, or repaired by the next one: "
            "run it again."
        )
    return explained(error)


def needs_upgrade(state: State) -> bool:
    """Whether the database is empty or behind.

    Raises:
        SchemaTooNewError: It is ahead, and does not record that it still serves this release. Where it does,
            a warning is logged.
        SchemaError: It is at a revision that no release of ours has.
    """
    newest = head()
    if state.revision == newest:
        return False
    if state.revision is None or state.revision in _revisions.known():
        return True
    if not OUR_REVISION.fullmatch(state.revision) or state.revision < newest:
        raise SchemaError(
            f"{VERSION_TABLE} records revision {state.revision!r}, which no release of chatkit-pgstore has: it is "
            "another program's table. Name a schema of your own with schema=, or --schema."
        )
    if newest not in state.supported:
        raise SchemaTooNewError(
            f"The database is at revision {state.revision}, which no longer serves this release of "
            f"chatkit-pgstore (revision {newest}). Upgrade chatkit-pgstore."
        )
    logger.warning(
        "The database is at revision %s, newer than this release's %s, and still serves it", state.revision, newest
    )
    return False


def out_of_date(state: State) -> SchemaOutOfDateError:
    """Return the error for a database that is empty or behind."""
    found = "has no tables of chatkit-pgstore" if state.revision is None else f"is at revision {state.revision}"
    return SchemaOutOfDateError(
        f"The database {found}, but revision {head()} is needed. Run `chatkit-pgstore migrate`, "
        "or await store.initialize() at start-up."
    )


@contextmanager
def migrating(connection: Connection) -> Generator[None]:
    """Set the time-outs of a migration, for the transaction that is open."""
    with settings(connection, local=True, **_revisions.TIMEOUTS):
        yield


def advance(connection: Connection, target: str, schema: str | None, pause: Pause) -> Obstacle | None:
    """Run the migrations up to revision *target*, in the transaction that is open, which takes the lock of them all.

    Returns:
        None when it is done; else what has to be called between this transaction and another attempt.
    """
    if not _index_builds.locked_for_transaction(connection):
        return partial(_index_builds.wait_for_others, pause=pause)
    state = _found(connection, schema)
    if not needs_upgrade(state):
        return None
    with _search_path(connection, schema):
        for script in _revisions.pending(state.revision, target):
            if indexes := _index_builds.to_be_built_before(connection, script, schema):
                return partial(_index_builds.build, indexes=indexes, schema=schema, pause=pause)
            _revisions.run(connection, [script], schema)
    return None


def _upgrade(connection: Connection, schema: str | None, adjust: Adjust | None) -> None:
    while obstacle := _advance_and_commit(connection, schema, adjust):
        connection.execution_options(isolation_level="AUTOCOMMIT")
        with connection.begin():
            obstacle(connection)


def _advance_and_commit(connection: Connection, schema: str | None, adjust: Adjust | None) -> Obstacle | None:
    # A host's engine may be in autocommit, in which the lock would be released at once.
    connection.execution_options(isolation_level="READ COMMITTED")
    with connection.begin(), migrating(connection):
        obstacle = advance(connection, head(), schema, pause)
        if adjust is not None and obstacle is None:
            obstacle = adjust(connection)
    return obstacle


def pause(seconds: float) -> None:
    """Wait, on a connection of an asynchronous engine."""
    await_only(asyncio.sleep(seconds))


@contextmanager
def _search_path(connection: Connection, schema: str | None) -> Generator[None]:
    """Put *schema* first: the migrations name none."""
    if schema is None:
        yield
    else:
        with settings(connection, local=True, search_path=_revisions.quoted(schema)):
            yield


def _found(connection: Connection, schema: str | None) -> State:
    if schema is not None and not inspect(connection).has_schema(schema):
        raise ConfigurationError(
            f'There is no schema "{schema}" in this database. Create it first: CREATE SCHEMA "{schema}".'
        )
    revision = _recorded(connection, schema)
    if revision is None and (tables := _standing(connection, schema)):
        # Another process may have made them since we looked.
        revision = _recorded(connection, schema)
        if revision is None:
            raise _not_ours(tables)
    return State(revision, frozenset() if revision is None else _supported(connection, schema, revision))


def _recorded(connection: Connection, schema: str | None) -> str | None:
    revisions = _revisions.current(connection, schema)
    if len(revisions) > 1:
        raise SchemaError(
            f"{VERSION_TABLE} records {len(revisions)} revisions, and ours has one: it is another program's table. "
            "Name a schema of your own with schema=, or --schema."
        )
    return revisions[0] if revisions else None


def _standing(connection: Connection, schema: str | None) -> list[str]:
    """Return which names of our tables are taken where the tables would be made."""
    place = schema or connection.scalar(select(func.current_schema()))
    if place is None:
        raise ConfigurationError(
            "There is no schema to make the tables in: the role's search_path names none that exists and that it may "
            "use. Create one, grant USAGE on it, or name another with schema=, or --schema."
        )
    query = text(
        "SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :place AND c.relname = ANY (:names) ORDER BY 1"
    )
    return list(connection.scalars(query, {"place": place, "names": list(metadata.tables)}))


def _not_ours(tables: Sequence[str]) -> SchemaError:
    return SchemaError(
        f"There is {', '.join(tables)} already, but {VERSION_TABLE} records no revision. Where that is another "
        "program's, name a schema of your own with schema=, or --schema; where it comes from a backup without "
        f"{VERSION_TABLE}, restore that too. Nothing was changed."
    )


def _supported(connection: Connection, schema: str | None, revision: str) -> frozenset[str]:
    if not inspect(connection).has_table(supported_revisions.name, schema):
        raise SchemaError(
            f"{VERSION_TABLE} records revision {revision!r}, but there is no {supported_revisions.name}: it is another "
            "program's table, or ours have been dropped. Name a schema of your own with schema=, or --schema; drop "
            f"{VERSION_TABLE} too to begin anew. Nothing was changed."
        )
    places = {"schema_translate_map": {None: schema}}
    return frozenset(connection.scalars(select(supported_revisions.c.revision), execution_options=places))
