"""Indexes of tables in use: built without locking writers out, outside the transaction of the migration.

``CREATE INDEX CONCURRENTLY`` waits until the transactions of all older snapshots are over. A process that waits on the
server for the lock of the migrations has such a one, and so has one that asks for it again and again in a transaction:
the two would wait for each other. Whoever wants the lock asks in transactions of one statement each.
https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import ColumnElement, Connection, exists, func, select, table, text
from sqlalchemy.exc import DBAPIError

from chatkit_pgstore._failures import underlying
from chatkit_pgstore._layout import table_in
from chatkit_pgstore._revisions import builds, concurrent_indexes
from chatkit_pgstore.errors import ConfigurationError, StoreError, StoreUnavailableError

logger = logging.getLogger("chatkit_pgstore")

LOCK = int.from_bytes(b"chatkit.", "big")
"""The key of the advisory lock under which one process migrates while the others wait."""

LOCK_WAIT_SECONDS = 120
"""How long a process waits for another one's migration."""

PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.5

ATTEMPTS = 5
"""How often a build is begun that comes between processes of an older release, which do wait on the server."""

DEADLOCK = "40P01"

STANDING = text("""
SELECT bool_and(i.indisvalid) FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 WHERE i.indrelid = to_regclass(:table) AND c.relname = :index
""")
"""True: it is there; false: a build that broke off has left it invalid; null: it is not there."""

_ATTEMPT_FOR_TRANSACTION = func.pg_try_advisory_xact_lock(LOCK)

Pause = Callable[[float], None]
"""Waits for so many seconds."""

Obstacle = Callable[[Connection], None]
"""What has to be done, on a connection in autocommit, before a migration can go on."""


def to_be_built_before(connection: Connection, script: Script, schema: str | None) -> list[CreateIndexOp]:
    """Return the indexes that have to be built before a migration: those not there, on tables with rows."""
    return to_be_built(connection, concurrent_indexes(script), schema)


def to_be_built(connection: Connection, indexes: Sequence[CreateIndexOp], schema: str | None) -> list[CreateIndexOp]:
    """Return those of *indexes* that are not there, on tables with rows."""
    return [index for index in indexes if _has_to_be_built(connection, index, schema)]


def is_standing(connection: Connection, index: CreateIndexOp, schema: str | None) -> bool:
    """Whether an index is there, and whole."""
    return _standing(connection, index, schema) is True


def build(connection: Connection, indexes: Sequence[CreateIndexOp], schema: str | None, pause: Pause) -> None:
    """Build *indexes* on *connection*, which is in autocommit, under the lock of the migrations.

    Raises:
        ConfigurationError: A pooler gives each transaction another session.
        StoreUnavailableError: Another process held the lock for too long.
    """
    _refuse_transaction_pooler(connection)
    with settings(connection, local=False, statement_timeout="0", lock_timeout="0"):
        _build_in_turn(connection, indexes, schema, pause)


def locked_for_transaction(connection: Connection) -> bool:
    """Take the lock until the transaction ends, also behind a transaction pooler; false: another process has it."""
    return bool(connection.scalar(select(_ATTEMPT_FOR_TRANSACTION)))


def wait_for_others(connection: Connection, pause: Pause) -> None:
    """Return once no other process has the lock; *connection* is in autocommit.

    Raises:
        StoreUnavailableError: Another process held it for too long.
    """
    _wait(connection, _ATTEMPT_FOR_TRANSACTION, pause)


def _wait(connection: Connection, attempt: ColumnElement[bool], pause: Pause) -> None:
    """Return once *attempt* took the lock.

    Raises:
        StoreUnavailableError: Another process held it for too long.
    """
    end, seconds = time.monotonic() + LOCK_WAIT_SECONDS, PAUSE_SECONDS
    while not connection.scalar(select(attempt)):
        if time.monotonic() > end:
            raise StoreUnavailableError(
                f"Another process has been migrating this database for {LOCK_WAIT_SECONDS} seconds. Nothing was "
                "changed; try again when it is done."
            )
        pause(seconds)
        seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)


@contextmanager
def settings(connection: Connection, *, local: bool, **values: str) -> Generator[None]:
    """Change settings of the session, or *local* ones of its transaction; put them back unless the server failed."""
    before = {name: connection.scalar(select(func.current_setting(name))) for name in values}
    _configure(connection, values, local=local)
    try:
        yield
    except StoreError:
        _configure(connection, before, local=local)
        raise
    _configure(connection, before, local=local)


def _configure(connection: Connection, values: dict[str, Any], *, local: bool) -> None:
    for name, value in values.items():
        connection.execute(select(func.set_config(name, value, local)))


def _has_to_be_built(connection: Connection, index: CreateIndexOp, schema: str | None) -> bool:
    standing = _standing(connection, index, schema)
    if standing is None:
        rows = exists().select_from(table(index.table_name, schema=schema))
        return bool(connection.scalar(select(rows)))
    return not standing


def _standing(connection: Connection, index: CreateIndexOp, schema: str | None) -> bool | None:
    names = {"table": table_in(schema, index.table_name), "index": index.index_name}
    found: bool | None = connection.scalar(STANDING, names)
    return found


def _build_in_turn(connection: Connection, indexes: Sequence[CreateIndexOp], schema: str | None, pause: Pause) -> None:
    for _ in range(ATTEMPTS):
        with _held_by_session(connection, pause):
            if _build_all(connection, indexes, schema):
                return
        # Whoever waits for the lock on the server takes it now, and is done with it soon.
        pause(LONGEST_PAUSE_SECONDS)
    raise StoreUnavailableError(
        f"An index could not be built, {ATTEMPTS} times, because processes of an older release wait for the migration "
        "to end. Run it again when they are up."
    )


@contextmanager
def _held_by_session(connection: Connection, pause: Pause) -> Generator[None]:
    _wait(connection, func.pg_try_advisory_lock(LOCK), pause)
    try:
        yield
    except BaseException:
        # The session would keep the lock in the pool.
        connection.invalidate()
        raise
    if not connection.scalar(select(func.pg_advisory_unlock(LOCK))):
        raise _pooled()


def _build_all(connection: Connection, indexes: Sequence[CreateIndexOp], schema: str | None) -> bool:
    """Build those that are not there; return whether nothing came between."""
    operations = Operations(MigrationContext.configure(connection))
    try:
        for index in indexes:
            standing = _standing(connection, index, schema)
            remnant, new = builds(index, schema)
            if standing is False:
                operations.invoke(remnant)
            if not standing:
                logger.info("Building the index %s; writers go on", index.index_name)
                operations.invoke(new)
    except DBAPIError as error:
        if getattr(underlying(error), "sqlstate", None) != DEADLOCK:
            raise
        return False
    return True


def _refuse_transaction_pooler(connection: Connection) -> None:
    """Look whether a second connection gets our session, as it does where a pooler lends sessions.

    A pooler that does not lend the one used last is found out by the lock, which is lost.
    """
    session = select(func.pg_backend_pid())
    ours = connection.scalar(session)
    pool = connection.engine.pool.recreate()
    other = pool.connect()
    try:
        cursor = other.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        [theirs] = cursor.fetchall()[0]
        still_ours = connection.scalar(session) == ours
    finally:
        other.invalidate()
        pool.dispose()
    if theirs == ours or not still_ours:
        raise _pooled()


def _pooled() -> ConfigurationError:
    return ConfigurationError(
        "An index has to be built without locking writers out, which needs a session of its own, but the database URL "
        "leads to a pooler that lends a session for each transaction. Run `chatkit-pgstore migrate` with the URL of "
        "the server itself, or of a pooler in session mode."
    )
