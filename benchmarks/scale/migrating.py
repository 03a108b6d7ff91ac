"""How long each migration takes on full tables, and which locks it takes on tables that were there before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.scale import server
from chatkit_pgstore import PostgresStore
from chatkit_pgstore._revisions import head, pending, run

FIRST = "0001"
DATABASE = "scale_migrations"
UNDO: Mapping[str, Sequence[str]] = {
    "0002": ("DROP TABLE chatkit_feedback",),
    "0003": ("ALTER TABLE chatkit_threads DROP COLUMN metadata",),
    "0004": ("DROP TABLE chatkit_file_chunks, chatkit_files",),
}
"""What takes a migration back, where doing it twice would fail. There is no way down for users."""
LOCKS = """
    SELECT string_agg(DISTINCT relname || ': ' || mode, ', ') FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE pid = pg_backend_pid() AND relname = ANY(:tables) AND mode NOT IN ('AccessShareLock', 'RowExclusiveLock')
"""
TABLES = "SELECT array_agg(relname::text) FROM pg_class WHERE relname LIKE 'chatkit%' AND relkind = 'r'"


@dataclass(frozen=True)
class Migration:
    """One migration: its seconds on the full tables, and its locks on those that were there before."""

    revision: str
    what: str
    seconds: float
    locks: str


async def migrations(url: str, full: str) -> list[Migration]:
    """Return what each migration costs on the tables of *full*, where all is rolled back."""
    await server.drop_database(url, DATABASE)
    await server.execute(url, f"CREATE DATABASE {DATABASE}")
    empty = url.rsplit("/", 1)[0] + f"/{DATABASE}"
    on_empty = await _locks(empty)
    await server.drop_database(url, DATABASE)
    on_full = await _seconds(full)
    return [
        Migration(script.revision, script.doc, on_full.get(script.revision, on_empty[script.revision][0]), locks)
        for script in pending(None, head())
        for locks in [on_empty[script.revision][1]]
    ]


async def _locks(url: str) -> dict[str, tuple[float, str]]:
    """Return the seconds on empty tables and the locks, by revision; which locks does not depend on rows."""
    found: dict[str, tuple[float, str]] = {}
    store = PostgresStore(url)
    for script in pending(None, head()):
        async with store.engine.begin() as connection:
            before = (await connection.execute(text(TABLES))).scalar() or []
            seconds = await _run(connection, script)
            locks = (await connection.execute(text(LOCKS), {"tables": before})).scalar()
        found[script.revision] = (seconds, locks or "none")
    await store.close()
    return found


async def _seconds(url: str) -> dict[str, float]:
    store = PostgresStore(url)
    scripts = pending(FIRST, head())
    async with store.engine.connect() as connection:
        for script in reversed(scripts):
            for statement in UNDO.get(script.revision, ()):
                await connection.execute(text(statement))
            done = {"revision": script.revision}
            await connection.execute(text("DELETE FROM chatkit_supported_revisions WHERE revision = :revision"), done)
        await connection.execute(text("UPDATE chatkit_schema_version SET version_num = :first"), {"first": FIRST})
        found = {script.revision: await _run(connection, script) for script in scripts}
        await connection.rollback()
    await store.close()
    return found


async def _run(connection: AsyncConnection, script: Any) -> float:
    started = perf_counter()
    await connection.run_sync(lambda sync: run(sync, [script], None))
    return perf_counter() - started
