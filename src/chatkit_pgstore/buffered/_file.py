"""The journal's file: found, locked, looked through, and made when it is not there. Runs in the journal's thread."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatkit_pgstore.errors import ConfigurationError

APPLICATION_ID = 0x434B4A31
"""Marks an SQLite file as a journal of ours."""

SCHEMA_VERSION = 1

_SCHEMA = f"""
    CREATE TABLE journal (database TEXT NOT NULL);
    CREATE TABLE writes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT NOT NULL,
        call TEXT NOT NULL,
        thread_id TEXT NOT NULL,
        row_id TEXT NOT NULL,
        document TEXT NOT NULL,
        status TEXT,
        base TEXT,
        acknowledged INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX writes_by_user ON writes (user_id, acknowledged, number);
    CREATE TABLE snapshots (
        user_id TEXT NOT NULL,
        thread_id TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (user_id, thread_id)
    ) WITHOUT ROWID;
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
"""

_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


class _HeldError(Exception):
    """Another process, or another store of this one, has the file."""


def open_journal(wanted: Path, database: str) -> tuple[sqlite3.Connection, Path]:
    """Return a connection that alone may use the journal, and the file it is.

    Args:
        wanted: A file, or a folder: of that, the first ``journal-N.sqlite3`` which nobody holds.
        database: What the writes in it are meant for.

    Raises:
        ConfigurationError: It cannot be used; nothing was written.
    """
    if wanted.is_dir():
        return _first_free(wanted, database)
    try:
        return _opened(wanted, database), wanted
    except _HeldError:
        raise ConfigurationError(
            f"The journal {wanted} is in use. Each process needs one of its own: give journal= an existing folder, "
            "and every process takes the first file in it that is free."
        ) from None


def _first_free(folder: Path, database: str) -> tuple[sqlite3.Connection, Path]:
    """Return a journal that a process left behind with writes in it, where there is one; else the first in number."""
    for path in sorted(folder.glob("journal-*.sqlite3")):
        with suppress(_HeldError):
            connection = _opened(path, database)
            if connection.execute("SELECT count(*) FROM writes").fetchone()[0]:
                return connection, path
            connection.close()
    number = 1
    while True:
        path = folder / f"journal-{number}.sqlite3"
        try:
            return _opened(path, database), path
        except _HeldError:
            number += 1


def _opened(path: Path, database: str) -> sqlite3.Connection:
    with _explained(path):
        # Conversations stand in it: nobody else may read them.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if _first_bytes(path) not in (b"", b"SQLite format 3\0"):
            raise _damaged(path)  # SQLite itself takes a file of a few bytes for an empty one
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            _lock(connection)
            _check(connection, path, database)
            _prepare(connection, database)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _explained(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        code = error.sqlite_errorcode & 0xFF
        if code in _HELD:
            raise _HeldError from error
        if code in _DAMAGED:
            raise _damaged(path) from error
        raise _unusable(path, str(error)) from error


def _unusable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The journal {path} cannot be written ({reason}). journal= has to be a file in an existing folder that this "
        "process may write to, or such a folder."
    )


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is damaged, or no SQLite file. Nothing was changed. If it is a journal, keep it: `sqlite3 {path} "
        ".recover` may bring back what it holds. Move it away, or name another file in journal=, to start."
    )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _lock(connection: sqlite3.Connection) -> None:
    """Take the file for as long as the connection lives; it is freed however the process ends."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("ROLLBACK")


def _check(connection: sqlite3.Connection, path: Path, database: str) -> None:
    def ask(sql: str) -> object:
        return connection.execute(sql).fetchone()[0]

    if ask("PRAGMA quick_check(1)") != "ok":
        raise _damaged(path)
    if ask("SELECT count(*) FROM sqlite_master") == 0:
        return
    if ask("PRAGMA application_id") != APPLICATION_ID:
        raise ConfigurationError(f"{path} is an SQLite file of another program. Name another file in journal=.")
    if ask("PRAGMA user_version") != SCHEMA_VERSION:
        raise ConfigurationError(
            f"The journal {path} is of another release of chatkit-pgstore. Start that release once more, with the "
            "database up, to empty it."
        )
    if (recorded := ask("SELECT database FROM journal")) != database:
        raise ConfigurationError(
            f"The journal {path} holds writes for {recorded}, not for {database}. Name another file in journal=. If it "
            f"is the same database, which has moved, say so: database={str(recorded)!r}."
        )


def _prepare(connection: sqlite3.Connection, database: str) -> None:
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if is_new:
        # The file shrinks again when the outage is over. Has to come before the first table.
        connection.execute("PRAGMA auto_vacuum = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # What was written to the database at last does not stay behind here.
    connection.execute("PRAGMA secure_delete = ON")
    if is_new:
        with transaction(connection):
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO journal VALUES (?)", (database,))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Commit what is done inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
